"""What can be wrong with a JSON document before anyone asks what it says: its text, and its schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tinyai_registry.checks.files import File, shown
from tinyai_registry.checks.finding import Finding, Flaw, Rule, Severity
from tinyai_registry.documents import strict_json
from tinyai_registry.documents.strict_json import Fault, StrictJsonError

_READERS_DISAGREE = (
    "Readers of JSON disagree about such a text: one takes what another refuses or leaves out. So a file that one "
    "tool has checked can mean something else to the next."
)

ENCODING = Rule(
    "TAI002",
    Severity.ERROR,
    "a document is not UTF-8, begins with a byte order mark, or has half of a character",
    _READERS_DISAGREE,
    "Save the file as UTF-8 without a byte order mark, and mend escapes like \\ud83d that stand alone.",
)
SYNTAX = Rule(
    "TAI003",
    Severity.ERROR,
    "a document is not JSON",
    _READERS_DISAGREE,
    "Mend the text at that place; a merge may have left its marks there.",
)
DUPLICATE_KEY = Rule(
    "TAI004",
    Severity.ERROR,
    "a key stands twice in one object",
    f"{_READERS_DISAGREE} A second `sha256` wins in one reader and is never seen by another.",
    "Keep one of the two.",
)
NUMBER = Rule(
    "TAI005",
    Severity.ERROR,
    "a number is none that JSON has, or that a double holds",
    f"{_READERS_DISAGREE} NaN passes every comparison that asks whether it is too small.",
    "Write null beside the reason, or the number that was meant.",
)
SIZE = Rule(
    "TAI006",
    Severity.ERROR,
    "a document is too large, or nested too deeply",
    "It would make a reader spend its memory or its stack, and no document of a tiny model has a use for it.",
    "Shorten it; what is large belongs into a file of its own.",
)
SHAPE = Rule(
    "TAI007",
    Severity.ERROR,
    "a document is not the kind of JSON that it has to be",
    "A registry is an object with a list called models; a row and a sidecar are objects. Nothing more can be "
    "checked of anything else.",
    "Restore the file from git, or start with `tinyai init`.",
)
REGISTRY_SCHEMA = Rule(
    "TAI010",
    Severity.ERROR,
    "the registry breaks its schema",
    "Tools that read the registry rely on its layout; `tinyai schema registry` prints what it is.",
    "Change what the message names; an editor shows it where it is written if the file names its `$schema`.",
)
ROW_SCHEMA = Rule(
    "TAI011",
    Severity.ERROR,
    "a row breaks its schema",
    "Loaders take identity, digest and licence from the row; `tinyai schema row` prints what it has to have.",
    "Change what the message names. A row is written by `tinyai refresh`, and rarely needs a hand.",
)
SIDECAR_SCHEMA = Rule(
    "TAI012",
    Severity.ERROR,
    "a sidecar breaks its schema",
    "The sidecar says how to call the model; a reader that does not find what it needs uses a default, or the wrong "
    "value. `tinyai schema` lists the schemas, one for each dialect of sidecar.",
    "Change what the message names, or publish the model again with `tinyai refresh`.",
)
EXTRA_SCHEMA = Rule(
    "TAI013",
    Severity.ERROR,
    "a plugin's own fields break the schema that was published with the model",
    "What a plugin adds to a sidecar lives in `extra`, and is described by <id>.extra.schema.json beside it, so that "
    "it can be checked without the plugin. Without that file, or against it, those fields mean nothing.",
    "Restore both files from the same release.",
)
OLD_DIALECT = Rule(
    "TAI014",
    Severity.INFO,
    "a sidecar is written in an earlier dialect",
    "It was checked as what it is. It carries no evidence of how the model was judged, and readers of today's sidecar "
    "do not find all that they look for.",
    "`tinyai migrate` rewrites it; `tinyai refresh` replaces it by one with evidence.",
)
CARD = Rule(
    "TAI015",
    Severity.ERROR,
    "the card is not what the sidecar says",
    "The card is rendered from the sidecar and nothing else. One that was edited, or left over from another release, "
    "tells people what the evidence does not.",
    "Publish again, or restore the card; words for people belong into the recipe.",
)

NO_EVIDENCE = Rule(
    "TAI016",
    Severity.INFO,
    "an imported model has no evidence",
    "Its sidecar was rewritten from an earlier dialect, which did not record how the model was judged. Digests and "
    "graph are checked, and whether it is any good is anyone's word.",
    "`tinyai refresh` publishes one that was judged.",
)

_RULES = {
    Fault.ENCODING: ENCODING,
    Fault.SYNTAX: SYNTAX,
    Fault.DUPLICATE_KEY: DUPLICATE_KEY,
    Fault.NUMBER: NUMBER,
    Fault.SIZE: SIZE,
    Fault.DEPTH: SIZE,
}


@dataclass(frozen=True)
class Document:
    """A JSON file as it was read: its text and its value, or the finding that says why there is none.

    ``flaws`` are those of the file, whatever it says.
    """

    file: str
    flaws: tuple[Flaw, ...] = ()
    text: str = ""
    value: Any = None
    finding: Finding | None = None


def document(file: File, model: str | None = None) -> Document:
    """What ``file`` says."""
    if file.data is None:
        return Document(file.name, file.flaws)
    try:
        value = strict_json.loads(file.data, file.name)
    except StrictJsonError as error:
        at = error.at
        found = Finding(_RULES[error.fault], file.name, error.what, "", model, at.line, at.column, at.length)
        return Document(file.name, file.flaws, finding=found)
    text = file.data.decode("utf-8")
    if not isinstance(value, dict):
        found = Finding(SHAPE, file.name, f"{shown(file.name)} is no JSON object", "", model)
        return Document(file.name, file.flaws, text, finding=found)
    return Document(file.name, file.flaws, text, value)
