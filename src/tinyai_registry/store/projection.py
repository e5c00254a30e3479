"""Making the files with fixed names what the log says: artifacts, sidecars, card, ``registry.json``, then withdrawals.

Idempotent, and repeated until nothing has to be done: whoever projects an older entry over a newer one sees the newer
head when reading again, and projects that.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tinyai_registry.documents import row, strict_json
from tinyai_registry.errors import RegistryError
from tinyai_registry.store import durable, layout, log, objects
from tinyai_registry.store.registry import ENDINGS, INDEX, Registry, files_under, open_registry

# Nanoseconds for which a writer may be held up between two steps, on a busy machine, and still be looked after.
SLACK = 60_000_000_000

# How often, and after how many seconds, an object that is missing is looked for again.
TRIES, PAUSE = 50, 0.02


def project(root: Path, model: str, workplace: Path, since: int | None = None) -> None:
    """Project the head of ``model``; on return, the registry agreed with it, and with everyone committed meanwhile.

    ``workplace`` is a folder of the caller's, made before: whoever committed after it was made, or was at work then,
    may have written ``registry.json`` between our reading and our writing it, or we over theirs. ``since``, in
    nanoseconds, is when a writer that died may have done so.
    """
    made = workplace.stat().st_mtime_ns
    since = min(made, made if since is None else since) - SLACK
    others = {model, *(path.name.partition(".")[0] for path in layout.pending(root))}
    tries = 0
    while (head := log.head(root, model)) is not None:
        try:
            _project_files(root, head, workplace)
        except RegistryError:
            # Where the lock lies, objects of an old head may be dropped, and those of a new one be put again.
            tries += 1
            if tries > TRIES and head == log.head(root, model):
                raise
            time.sleep(PAUSE)
            continue
        _project_rows(root, others | _committed_since(root, since), workplace)
        _withdraw(root, head)
        # Asked anew: whoever committed since may have written what we have just written over.
        concerned = others | _committed_since(root, since)
        if head == log.head(root, model) and not _stale_rows(open_registry(root), _heads(root, concerned)):
            return


def lags(root: Path, model: str) -> bool:
    """Whether a file or a row of the model's head is not what the log says."""
    head = log.head(root, model)
    if head is None:
        return False
    registry = open_registry(root)
    return bool(_stale_rows(registry, [head])) or any(
        registry.digest(name) != sha256 for name, sha256 in head.files.items()
    )


def _project_files(root: Path, head: log.Entry, workplace: Path) -> None:
    registry = files_under(root)
    for name, sha256 in head.files.items():
        if registry.digest(name) != sha256:
            _put_in_place(registry.path(name), objects.get(root, head.model, sha256), workplace)


def _project_rows(root: Path, concerned: Iterable[str], workplace: Path) -> None:
    registry = open_registry(root)
    rows = _stale_rows(registry, _heads(root, concerned))
    if rows:
        text = strict_json.dumps(row.with_rows(registry.document, rows), sort_keys=False)
        _put_in_place(root / INDEX, text.encode(), workplace)


def _stale_rows(registry: Registry, heads: Iterable[log.Entry]) -> list[Mapping[str, Any]]:
    """The rows that the log asks for and that ``registry.json`` does not have."""
    wanted = [recorded for head in heads for recorded in head.rows]
    projected = [row.projected(registry.row(each["id"]), each) for each in wanted]
    return [each for each in projected if registry.row(each["id"]) != each]


def _withdraw(root: Path, head: log.Entry) -> None:
    if not head.withdrawn:
        return
    registry = open_registry(root)
    spared = {INDEX, *head.files}
    for other in registry.rows:
        if other.get("id") not in {each["id"] for each in head.rows} and isinstance(other.get("onnx"), str):
            stem = other["onnx"].removesuffix(".onnx")
            spared |= {stem + ending for ending in ENDINGS}
    for name in head.withdrawn:
        if name not in spared:
            durable.remove(registry.path(name))


def _put_in_place(target: Path, data: bytes, workplace: Path) -> None:
    staged = workplace / "projected"
    staged.unlink(missing_ok=True)
    durable.write_new(staged, data)
    durable.make_folder(target.parent)
    durable.rename(staged, target)


def _heads(root: Path, models: Iterable[str]) -> list[log.Entry]:
    return [head for model in sorted(models) if (head := log.head(root, model)) is not None]


def _committed_since(root: Path, since: int) -> set[str]:
    with os.scandir(layout.log_folder(root, "x").parent) as folders:
        return {folder.name for folder in folders if folder.stat().st_mtime_ns >= since}
