"""Check documents against their JSON Schemas, and cards against the sidecars that they are rendered from."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from tinyai_registry.checks import files
from tinyai_registry.checks.files import MISSING
from tinyai_registry.checks.finding import Finding, Rule, Severity
from tinyai_registry.checks.reading import BrokenDocument, Document, file_flaws, read_document
from tinyai_registry.checks.subject import Subject
from tinyai_registry.documents import card, strict_json
from tinyai_registry.documents.dialects import CURRENT, dialect
from tinyai_registry.documents.extra_schema import extra_schema_name, extra_violations
from tinyai_registry.documents.index import INDEX
from tinyai_registry.documents.schema import violations
from tinyai_registry.documents.sidecar_types import as_sidecar
from tinyai_registry.files import Folder, Unreadable
from tinyai_registry.text import shorten

REGISTRY_SCHEMA = Rule(
    "TAI010",
    "registry-schema",
    Severity.ERROR,
    "the registry breaks its schema",
    "Tools that read the registry rely on its layout; `tinyai schema registry` prints what it is.",
    "Change what the message names; an editor shows it where it is written if the file names its `$schema`.",
)
ROW_SCHEMA = Rule(
    "TAI011",
    "row-schema",
    Severity.ERROR,
    "a row breaks its schema",
    "Loaders take identity, digest and licence from the row; `tinyai schema row` prints what it has to have.",
    "Change what the message names. A row is written by `tinyai refresh`, and rarely needs a hand.",
)
SIDECAR_SCHEMA = Rule(
    "TAI012",
    "sidecar-schema",
    Severity.ERROR,
    "a sidecar breaks its schema",
    "The sidecar says how to call the model; a reader that does not find what it needs uses a default, or the wrong "
    "value. `tinyai schema` lists the schemas, one for each dialect of sidecar.",
    "Change what the message names, or publish the model again with `tinyai refresh`.",
)
EXTRA_SCHEMA = Rule(
    "TAI013",
    "extra-schema",
    Severity.ERROR,
    "a plugin's own fields break the schema that was published with the model",
    "What a plugin adds to a sidecar lives in `extra`, and is described by <id>.extra.schema.json beside it, so that "
    "it can be checked without the plugin. Without that file, or against it, those fields mean nothing.",
    "Restore both files from the same release.",
)
OLD_DIALECT = Rule(
    "TAI014",
    "old-dialect",
    Severity.INFO,
    "a sidecar is written in an earlier dialect",
    "It was checked as what it is. It carries no evidence of how the model was judged, and readers of today's sidecar "
    "do not find all that they look for.",
    "`tinyai migrate` rewrites it; `tinyai refresh` replaces it by one with evidence.",
)
CARD = Rule(
    "TAI015",
    "card-differs",
    Severity.ERROR,
    "the card is not what the sidecar says",
    "The card is rendered from the sidecar and nothing else. One that was edited, or left over from another release, "
    "tells people what the evidence does not.",
    "Publish again, or restore the card; words for people belong into the recipe.",
)
NO_EVIDENCE = Rule(
    "TAI016",
    "no-evidence",
    Severity.INFO,
    "an imported model has no evidence",
    "Others made it, or its sidecar was rewritten from an earlier dialect, which did not record how the model was "
    "judged. Digests and graph are checked, and whether it is any good is anyone's word.",
    "`tinyai refresh` publishes one that was judged.",
)


def of_registry(registry: dict[str, Any]) -> Iterator[Finding]:
    """Registry and rows against their schema, in one go."""
    for violation in violations("registry", registry):
        _, _, inside = violation.pointer.partition("/models/")
        index, _, _ = inside.partition("/")
        row = registry["models"][int(index)] if index.isdigit() else None
        model = row.get("id") if isinstance(row, dict) and isinstance(row.get("id"), str) else None
        rule = ROW_SCHEMA if index else REGISTRY_SCHEMA
        yield Finding(rule, INDEX, _sentence(violation.pointer, violation.message), violation.pointer, model)


def of_sidecar(model: Subject) -> list[Finding]:
    """The sidecar of ``model`` against the schema of its dialect."""
    written = dialect(model.said)
    return [
        model.in_sidecar(SIDECAR_SCHEMA, _sentence(found.pointer, found.message), found.pointer)
        for found in violations(written.schema, model.said)
    ]


def of_dialect(model: Subject) -> Iterator[Finding]:
    """Whether the sidecar of ``model`` is one of today's."""
    written = dialect(model.said)
    if written != CURRENT:
        yield model.in_sidecar(OLD_DIALECT, f"written in the earlier dialect `{written.name}`")
    elif "upstream" in model.said:
        yield model.in_sidecar(NO_EVIDENCE, "made elsewhere; nothing was trained or judged here", "/upstream")
    elif "imported_from" in model.said:
        what = "imported from an earlier dialect, without evidence of how the model was judged"
        yield model.in_sidecar(NO_EVIDENCE, what, "/imported_from")


def of_rendering(model: Subject, folder: Folder) -> Iterator[Finding]:
    """The card, and the plugin's own fields, of a sidecar of today's that is valid by its schema."""
    if "evaluation" in model.said or "upstream" in model.said:
        yield from _card(model)
    if "evaluation" in model.said:
        yield from _extra(model, folder)


def _card(model: Subject) -> Iterator[Finding]:
    if "member_of" in model.said or model.card is None:
        return  # a member has its ensemble's card
    for flaw in files.flaws(model.card):
        yield model.in_sidecar(CARD if flaw.rule is MISSING else flaw.rule, f"the card: {flaw.message}", "/card")
    if isinstance(model.card, Unreadable):
        return
    # A checkout may end lines its own way.
    here = model.card.data.replace(b"\r\n", b"\n").split(b"\n")
    wanted = card.render(as_sidecar(model.said)).encode().split(b"\n")
    if here != wanted:
        line = next(n for n, (one, other) in enumerate(zip_longest(here, wanted), start=1) if one != other)
        what = "is not what the sidecar renders to; this line is the first"
        yield Finding(CARD, model.card.name, what, "", model.id, min(line, len(here)))


def _extra(model: Subject, folder: Folder) -> Iterator[Finding]:
    # A member has what its ensemble has, and the ensemble's schema.
    name, extra = extra_schema_name(model.said.get("member_of", model.said["id"])), model.said["extra"]
    schema = read_document(folder.fetch(name, strict_json.MAX_BYTES), model.id)
    for flaw in file_flaws(schema):
        if flaw.rule is not MISSING:
            yield model.in_sidecar(flaw.rule, flaw.message, "/extra")
        elif extra:
            yield model.in_sidecar(EXTRA_SCHEMA, f"{flaw.message}; it describes the extra fields", "/extra")
    if isinstance(schema, BrokenDocument):
        yield schema.finding
    if not isinstance(schema, Document):
        return
    for found in extra_violations(schema.value, extra):
        pointer = f"/extra{found.pointer}"
        yield model.in_sidecar(EXTRA_SCHEMA, _sentence(pointer, found.message), pointer)


def _sentence(pointer: str, message: str) -> str:
    return f"{shorten(pointer.rpartition('/')[2])}: {message}" if pointer else message
