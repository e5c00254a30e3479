"""Holding a registry against its log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tinyai_registry.checks import history
from tinyai_registry.checks.files import MISSING, flaws
from tinyai_registry.checks.finding import Finding
from tinyai_registry.files import Folder, Unreadable
from tinyai_registry.store import chain, log
from tinyai_registry.text import shorten

# A log names files of a release, whatever their size; what is too large for the runtime is said elsewhere.
_LIMIT = 2**31


def of_history(folder: Folder, model: str, rows: Mapping[str, Mapping[str, Any]] | None) -> Iterator[Finding]:
    """Whether the log of ``model`` is unbroken, and files and rows are what its head says.

    ``rows`` are all rows by id, None where they cannot be read.
    """
    broken = list(chain.breaks(folder, model))
    yield from broken
    head = None if broken else log.head(folder.root, model)
    if head is None:
        return
    entry = chain.name(model, f"{head.number:08}.json")
    for name, sha256 in head.files.items():
        file = folder.fetch(name, _LIMIT)
        for flaw in flaws(file):
            if flaw.rule is not MISSING:
                yield Finding(flaw.rule, entry, flaw.message, "/files", model)
        if isinstance(file, Unreadable) or file.sha256 != sha256:
            what = f"{shorten(name)} is not what the log says was published"
            yield Finding(history.FILES, entry, what, "/files", model)
    for index, recorded in enumerate(head.rows if rows is not None else ()):
        row = (rows or {}).get(recorded["id"], {})
        if row.get("sha256") != recorded.get("sha256"):
            what = f"the row of {shorten(recorded['id'])} is not what the log says was published"
            yield Finding(history.ROWS, entry, what, f"/rows/{index}", model)
