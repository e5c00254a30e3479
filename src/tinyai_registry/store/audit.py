"""Holding a registry against its log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tinyai_registry.checks import attested, history
from tinyai_registry.checks.files import MISSING, flaws, line_ends
from tinyai_registry.checks.finding import Finding
from tinyai_registry.errors import RegistryError
from tinyai_registry.files import MAX_BYTES, File, Folder
from tinyai_registry.store import chain, layout, log
from tinyai_registry.store.projection import require_own
from tinyai_registry.store.registry import SIGNATURE, Registry
from tinyai_registry.text import shorten

# All rows by id, None where they cannot be read.
Rows = Mapping[str, Mapping[str, Any]] | None


def of_store(folder: Folder, rows: Rows) -> Iterator[Finding]:
    """Whether the store has links, which nobody follows, and whether the registry is what its log says."""
    links = [link.relative_to(folder.root).as_posix() for link in layout.find_links(folder.root)]
    for link in links:
        yield Finding(history.LINK, link, f"{shorten(link)} is a link")
    if {layout.FOLDER, f"{layout.FOLDER}/log"}.isdisjoint(links):
        for model in layout.logged_models(folder.root):
            if not any(f"{link}/".startswith(chain.name(model, "")) for link in links):
                yield from _of_history(folder, model, rows)


def _of_history(folder: Folder, model: str, rows: Rows) -> Iterator[Finding]:
    """Whether the log of ``model`` is unbroken, and files and rows are what its head says."""
    broken = list(chain.breaks(folder, model))
    yield from broken
    head = None if broken else log.head(folder.root, model)
    if head is not None and rows is not None:
        try:
            require_own(Registry(folder.root, {"models": list(rows.values())}), head)
        except RegistryError as error:
            yield Finding(history.FILES, chain.name(model, f"{head.number:08}.json"), str(error), "/files", model)
    if head is None:
        return
    entry = chain.name(model, f"{head.number:08}.json")
    files = {name: sha256 for name, sha256 in head.files.items() if not name.endswith(SIGNATURE)}
    for name, sha256 in files.items():
        file = folder.fetch(name, MAX_BYTES)  # what is too large for the runtime is said elsewhere
        for flaw in flaws(file):
            if flaw.rule is not MISSING:
                yield Finding(flaw.rule, entry, flaw.message, "/files", model)
        if not isinstance(file, File) or file.sha256 != sha256:
            why = line_ends(file, sha256) if isinstance(file, File) else ""
            what = f"{shorten(name)} is not what the log says was published{why}"
            yield Finding(history.FILES, entry, what, "/files", model)
    yield from attested.of_log(model, files, folder)
    for index, recorded in enumerate(head.rows if rows is not None else ()):
        row = (rows or {}).get(recorded["id"], {})
        if row.get("sha256") != recorded.get("sha256"):
            what = f"the row of {shorten(recorded['id'])} is not what the log says was published"
            yield Finding(history.ROWS, entry, what, f"/rows/{index}", model)
