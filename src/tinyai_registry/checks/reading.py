"""Read JSON documents, and find what is wrong with their text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tinyai_registry.checks.files import flaws
from tinyai_registry.checks.finding import Finding, Flaw, Rule, Severity
from tinyai_registry.documents import strict_json
from tinyai_registry.documents.strict_json import Fault, StrictJsonError
from tinyai_registry.files import File, Unreadable
from tinyai_registry.text import shorten

_READERS_DISAGREE = (
    "Readers of JSON disagree about such a text: one accepts what another refuses or drops. A file that one tool has "
    "checked can mean something else to the next."
)

ENCODING = Rule(
    "TAI002",
    "encoding",
    Severity.ERROR,
    "a document is not UTF-8, begins with a byte order mark, or has half of a character",
    _READERS_DISAGREE,
    "Save the file as UTF-8 without a byte order mark, and mend escapes like \\ud83d that stand alone.",
)
SYNTAX = Rule(
    "TAI003",
    "syntax",
    Severity.ERROR,
    "a document is not JSON",
    _READERS_DISAGREE,
    "Mend the text at that place; a merge may have left its marks there.",
)
DUPLICATE_KEY = Rule(
    "TAI004",
    "duplicate-key",
    Severity.ERROR,
    "a key stands twice in one object",
    f"{_READERS_DISAGREE} A second `sha256` wins in one reader and is never seen by another.",
    "Keep one of the two.",
)
NUMBER = Rule(
    "TAI005",
    "number",
    Severity.ERROR,
    "a number is not JSON, or beyond the range of a double",
    f"{_READERS_DISAGREE} NaN passes every comparison that asks whether it is too small.",
    "Write null beside the reason, or the number that was meant.",
)
SIZE = Rule(
    "TAI006",
    "document-size",
    Severity.ERROR,
    "a document is too large, or nested too deeply",
    "A reader would run out of memory or stack, and no document of a tiny model needs it.",
    "Shorten it; put large data into a file of its own.",
)
SHAPE = Rule(
    "TAI007",
    "document-shape",
    Severity.ERROR,
    "a document is not a JSON object, or a registry without a list of models",
    "A registry is an object with a list called models; a row and a sidecar are objects. Nothing else in such a file "
    "can be checked.",
    "Restore the file from git, or start with `tinyai init`.",
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
    """A JSON file that could be read: its text, and the object in it."""

    file: File
    text: str
    value: dict[str, Any]


@dataclass(frozen=True)
class BrokenDocument:
    """A JSON file that is not strict JSON, or not an object, with the finding that says so."""

    file: File
    finding: Finding


def read_document(file: File | Unreadable, model: str | None = None) -> Document | BrokenDocument | Unreadable:
    """Read ``file``; a finding names ``model``."""
    if isinstance(file, Unreadable):
        return file
    try:
        value = strict_json.loads(file.data, file.name)
    except StrictJsonError as error:
        at = error.at
        found = Finding(_RULES[error.fault], file.name, error.what, "", model, at.line, at.column, at.length)
        return BrokenDocument(file, found)
    if not isinstance(value, dict):
        return BrokenDocument(file, Finding(SHAPE, file.name, f"{shorten(file.name)} is no JSON object", "", model))
    return Document(file, file.data.decode("utf-8"), value)


def file_flaws(read: Document | BrokenDocument | Unreadable) -> Iterator[Flaw]:
    """What is wrong with the file itself, whatever its text says."""
    return flaws(read if isinstance(read, Unreadable) else read.file)
