"""The story of a validation: every document, file and graph of a registry, and whether they agree with each other."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from tinyai_registry.checks import calling, evidence, files, identity, licence, pinned, schemas, signatures, twins
from tinyai_registry.checks.files import Folder
from tinyai_registry.checks.finding import Finding
from tinyai_registry.checks.model import INDEX, Model, read_model
from tinyai_registry.checks.reading import document
from tinyai_registry.checks.runtime import Runtime, load_runtime
from tinyai_registry.documents import strict_json
from tinyai_registry.documents.positions import positions
from tinyai_registry.errors import RegistryError
from tinyai_registry.store import audit, layout, log
from tinyai_registry.store.recovery import is_pending, settle

# How often, and after how many seconds, a finding is looked at again where a writer may be at work.
LOOKS, PAUSE = 50, 0.1
MAX_MESSAGE = 400
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")
# Models whose files are held in memory at once.
BATCH = 64

Row = Mapping[str, Any]


def validate(root: Path) -> list[Finding]:
    """Everything that is wrong with the registry in ``root``, in order of files and lines.

    A broken file hides nothing about the others. Between two renames of a writer a digest may not match; so where
    there is a log, a finding counts when it is seen twice with nobody at work. Raises RegistryError if there is no
    registry.
    """
    settle(root)
    if not os.path.lexists(root / INDEX):
        raise RegistryError(f"{root} has no {INDEX}; `tinyai init {root}` makes an empty registry")
    found = _findings(root)
    if not (root / layout.FOLDER).is_dir():
        return found
    for _ in range(LOOKS):
        if not found:
            break
        time.sleep(PAUSE)
        settle(root)
        before, found = found, _findings(root)
        if found == before and not is_pending(root):
            break
    return found


def _findings(root: Path) -> list[Finding]:
    folder, runtime = Folder(root), load_runtime()
    index = folder.fetch(INDEX, strict_json.MAX_BYTES)
    found = [Finding(flaw.rule, INDEX, flaw.message) for flaw in index.flaws]
    registry = document(index)
    found += [] if registry.finding is None else [registry.finding]
    rows: list[Any] = []
    if registry.value is not None:
        found += schemas.of_registry(registry.value)
        listed = registry.value.get("models")
        rows = listed if isinstance(listed, list) else []
        found += _of_rows(folder, rows, runtime)
    by_id = {row["id"]: row for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str)}
    for model in log.models(root):
        found += audit.of_history(folder, model, by_id)
    return sorted(_located(folder, found), key=lambda f: (f.file, f.line, f.column, f.rule.code, f.message))


def _of_rows(folder: Folder, rows: Sequence[Any], runtime: Runtime) -> Iterator[Finding]:
    known = [(index, row) for index, row in enumerate(rows) if isinstance(row, dict)]
    yield from identity.of_rows(known)
    by_id = {row["id"]: row for _, row in known if isinstance(row.get("id"), str)}
    claimed = {INDEX}
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(known), BATCH):
            batch = known[start : start + BATCH]
            # Reading and hashing side by side; both let other threads go on.
            for model in pool.map(lambda each: read_model(folder, each[0], each[1], runtime), batch):
                yield from _of_model(model, folder, by_id, runtime)
                claimed |= pinned.claimed(model)
    yield from files.orphans(folder, claimed)


def _of_model(model: Model, folder: Folder, rows: Mapping[str, Row], runtime: Runtime) -> Iterator[Finding]:
    yield from pinned.of_row(model)
    yield from pinned.of_graphs(model, folder, runtime)
    yield from identity.of_model(model)
    yield from twins.of_model(model)
    yield from signatures.of_model(model, folder)
    yield from licence.of_model(model)
    if model.sidecar is None or model.sidecar.value is None:
        return
    yield from schemas.of_dialect(model)
    yield from calling.of_model(model)
    yield from pinned.of_artifacts(model, folder, runtime)
    broken = schemas.of_sidecar(model)
    yield from broken
    if not broken:
        yield from evidence.of_model(model, rows)
        yield from schemas.of_rendering(model, folder)


def _located(folder: Folder, found: Sequence[Finding]) -> Iterator[Finding]:
    """``found`` with lines and columns: a second pass, over the files in which something was found."""
    pointers: dict[str, set[str]] = {}
    for finding in found:
        if finding.pointer or finding.file.endswith(".json"):
            pointers.setdefault(finding.file, set()).add(finding.pointer)
    places = {file: positions(_text(folder, file), wanted) for file, wanted in pointers.items()}
    for finding in map(_presentable, found):
        if finding.line > 1 or finding.column > 1 or finding.file not in places:
            yield finding
        else:
            at = places[finding.file][finding.pointer]
            yield replace(finding, line=at.line, column=at.column, length=at.length)


def _presentable(finding: Finding) -> Finding:
    """``finding`` as one short line: names in it may come from somebody who means a terminal to act on them."""
    model = None if finding.model is None else _plain(finding.model)
    return replace(finding, message=_plain(finding.message), file=_plain(finding.file), model=model)


def _plain(text: str) -> str:
    kept = text[:MAX_MESSAGE]
    return kept if kept.isascii() and kept.isprintable() else _UNPRINTABLE.sub(lambda each: ascii(each[0])[1:-1], kept)


def _text(folder: Folder, file: str) -> str:
    return (folder.fetch(file, strict_json.MAX_BYTES).data or b"").decode("utf-8", errors="replace")
