"""Give findings their lines and columns: a second pass, over the files in which something was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tinyai_registry.checks.finding import Finding
from tinyai_registry.documents import strict_json
from tinyai_registry.documents.positions import Position, positions
from tinyai_registry.files import File, Folder
from tinyai_registry.text import shorten

MAX_MESSAGE = 400


def locate(folder: Folder, found: Sequence[Finding]) -> list[Finding]:
    """``found`` with the places that their pointers lead to, in the order in which one reads the files."""
    pointers: dict[str, set[str]] = {}
    for finding in found:
        pointers.setdefault(finding.file, set()).add(finding.pointer)
    places = {file: positions(text_of(folder, file), wanted) for file, wanted in pointers.items()}
    placed = [_place(finding, places[finding.file][finding.pointer]) for finding in found]
    return sorted(placed, key=lambda f: (f.file, f.line, f.column, f.rule.code, f.message))


def _place(finding: Finding, at: Position) -> Finding:
    short = replace(finding, message=shorten(finding.message, MAX_MESSAGE))
    if (finding.line, finding.column) != (1, 1):  # the reader of a broken text knows better
        return short
    return replace(short, line=at.line, column=at.column, length=at.length)


def text_of(folder: Folder, file: str) -> str:
    """The text of a JSON file; what is binary has no lines."""
    read = folder.fetch(file, strict_json.MAX_BYTES) if file.endswith(".json") else None
    return read.data.decode("utf-8", errors="replace") if isinstance(read, File) else ""
