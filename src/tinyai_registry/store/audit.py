"""Holding a registry against its log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tinyai_registry.checks import history
from tinyai_registry.checks.files import Folder, shown
from tinyai_registry.checks.finding import Finding
from tinyai_registry.store import chain, layout, log

# A log names files of a release, whatever their size; what is too large for the runtime is said elsewhere.
_LIMIT = 2**31


def of_history(folder: Folder, model: str, rows: Mapping[str, Mapping[str, Any]] | None) -> Iterator[Finding]:
    """Whether the log of ``model`` is unbroken, and files and rows are what its head says.

    ``rows`` are all rows by id, None where they cannot be read.
    """
    root, at = folder.root, f"{layout.FOLDER}/log/{model}"
    broken = chain.breaks(root, model)
    yield from (Finding(each.rule, f"{at}/{each.file}", each.message, "", model) for each in broken)
    head = None if broken else log.head(root, model)
    if head is None:
        return
    entry = f"{at}/{head.number:08}.json"
    for name, sha256 in head.files.items():
        if folder.fetch(name, _LIMIT).sha256 != sha256:
            what = f"{shown(name)} is not what the log says was published"
            yield Finding(history.FILES, entry, what, "/files", model)
    for index, recorded in enumerate(head.rows if rows is not None else ()):
        row = (rows or {}).get(recorded["id"], {})
        if row.get("sha256") != recorded.get("sha256"):
            what = f"the row of {recorded['id']} is not what the log says was published"
            yield Finding(history.ROWS, entry, what, f"/rows/{index}", model)
