"""Holding the log of a registry against itself, and the registry against its log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tinyai_registry.checks import history
from tinyai_registry.checks.files import MISSING, Folder, shown
from tinyai_registry.checks.finding import Finding
from tinyai_registry.checks.reading import document
from tinyai_registry.documents import strict_json
from tinyai_registry.errors import DocumentError
from tinyai_registry.store import layout, log

# A log names files of a release, whatever their size; what is too large for the runtime is said elsewhere.
_LIMIT = 2**31


def of_history(folder: Folder, model: str, rows: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    """Whether the log of ``model`` is unbroken, and files and ``rows``, all rows by id, are what its head says."""
    broken = list(breaks(folder, model))
    yield from broken
    head = None if broken else log.head(folder.root, model)
    if head is None:
        return
    entry = _name(model, head.number)
    for name, sha256 in head.files.items():
        file = folder.fetch(name, _LIMIT)
        for flaw in file.flaws:
            if flaw.rule is not MISSING:
                yield Finding(flaw.rule, entry, flaw.message, "/files", model)
        if file.sha256 != sha256:
            what = f"{shown(name)} is not what the log says was published"
            yield Finding(history.FILES, entry, what, "/files", model)
    for index, recorded in enumerate(head.rows):
        row = rows.get(recorded["id"], {})
        if row.get("sha256") != recorded.get("sha256"):
            what = f"the row of {shown(recorded['id'])} is not what the log says was published"
            yield Finding(history.ROWS, entry, what, f"/rows/{index}", model)


def breaks(folder: Folder, model: str) -> Iterator[Finding]:
    """What is wrong with the entries of ``model`` and their chain."""
    parent: str | None = None
    for expected, number in enumerate(log.numbers(folder.root, model), start=1):
        name = _name(model, number)
        if number != expected:
            yield Finding(history.BROKEN, name, f"entry {expected} is missing before it", "", model)
            return
        file = folder.fetch(name, strict_json.MAX_BYTES)
        yield from (Finding(flaw.rule, name, flaw.message, "", model) for flaw in file.flaws)
        found = document(file, model)
        if found.finding is not None:
            yield found.finding
        elif found.value is not None:
            try:
                entry = log.parsed(found.value, f"entry {number}")
            except DocumentError as error:
                yield Finding(history.CHANGED, name, str(error), "", model)
            else:
                for problem in log.misplaced(entry, model, number, parent):
                    yield Finding(history.BROKEN, name, problem, "", model)
        parent = file.sha256


def _name(model: str, number: int) -> str:
    return f"{layout.FOLDER}/log/{model}/{number:08}.json"
