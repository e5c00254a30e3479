"""Reading a release while others write: row, sidecar and bytes of one release, or a clear error.

Nothing is locked. What is read is held against one entry of the log (or, where another tool registered the model,
against its row); while a publish is under way, what does not agree is read again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyai_registry.documents import strict_json
from tinyai_registry.errors import RegistryBusyError, RegistryError
from tinyai_registry.release import sha256_of
from tinyai_registry.store import log
from tinyai_registry.store.recovery import is_pending
from tinyai_registry.store.registry import Registry, open_registry
from tinyai_registry.store.superseded import files_of

# Seconds between two looks at a registry in which a publish is under way.
PAUSE = 0.02


@dataclass(frozen=True)
class Snapshot:
    """One release: its row, its sidecar if it has one, and its files, whose bytes are those that were hashed."""

    row: Mapping[str, Any]
    sidecar: Mapping[str, Any] | None
    files: Mapping[str, bytes]

    @property
    def onnx(self) -> bytes:
        """The graph that the row names."""
        return self.files[str(self.row["onnx"])]


def read_release(root: Path, model: str, patience: float = 10.0) -> Snapshot:
    """The registered release of ``model``, whole.

    Raises RegistryError if there is none, or its files are not those that were registered; RegistryBusyError if a
    publish that is under way has not come to an end after ``patience`` seconds.
    """
    deadline = time.monotonic() + patience
    while True:
        before = log.head(root, model)
        busy = is_pending(root)
        try:
            return _read(root, model, before)
        except RegistryError as error:
            # Who published, and was done before we asked who is at work, has moved the head.
            if not busy and not is_pending(root) and log.head(root, model) == before:
                raise
            if time.monotonic() > deadline:
                raise RegistryBusyError(f"{error}; a publish has been under way for {patience:g} seconds") from error
        time.sleep(PAUSE)


def _read(root: Path, model: str, head: log.Entry | None) -> Snapshot:
    registry = open_registry(root)
    found = registry.find(model)
    if found is None:
        raise RegistryError(f"{registry.root} has no model {model!r}")
    names = files_of(registry, found) if head is None else tuple(head.files)
    files = {name: _bytes(registry, name) for name in names}
    for name, wanted in _digests(found.row, head).items():
        if name not in files or sha256_of(files[name]) != wanted:
            raise RegistryError(f"{root / name} is not what was registered for {model}")
    name = f"{found.stem}.json"
    sidecar = strict_json.loads(files[name], str(root / name)) if name in files else None
    return Snapshot(found.row, sidecar, files)


def _digests(row: Mapping[str, Any], head: log.Entry | None) -> dict[str, Any]:
    """What each file's digest has to be. Raises RegistryError where row and log speak of different releases."""
    name = str(row["onnx"])
    pinned = {name: row.get("sha256")}
    if "int8_sha256" in row:
        pinned[f"{name.removesuffix('.onnx')}.int8.onnx"] = row["int8_sha256"]
    if head is None:
        return pinned
    if any(head.files.get(file, sha256) != sha256 for file, sha256 in pinned.items()):
        raise RegistryError(f"the row of {row['id']} is not that of its last release")
    return {**pinned, **head.files}


def _bytes(registry: Registry, name: str) -> bytes:
    try:
        return registry.path(name).read_bytes()
    except OSError as error:
        raise RegistryError(f"cannot read {registry.root / name}: {error.strerror}") from error
