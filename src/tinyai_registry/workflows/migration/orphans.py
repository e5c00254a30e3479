"""Files that look like a model's and belong to none: found, copied out of the registry, and then taken away."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tinyai_registry.checks import files, pinned
from tinyai_registry.checks.subject import read_subjects
from tinyai_registry.documents.index import INDEX
from tinyai_registry.errors import RegistryError
from tinyai_registry.files import Folder, explain, write_new
from tinyai_registry.onnxfile.runtime import DEFAULT, load_runtime
from tinyai_registry.store import durable
from tinyai_registry.store.belongings import read_manifest
from tinyai_registry.store.registry import Registry, open_registry
from tinyai_registry.store.turn import take_turn


def find_orphans(root: Path, runtime: str = DEFAULT) -> list[str]:
    """The names of the files in the registry ``root`` that no row, sidecar or graph leads to; no manifest is one."""
    folder, registry, claimed = Folder(root), open_registry(root), {INDEX}
    for model in read_subjects(folder, registry.rows, load_runtime(runtime)):
        claimed |= pinned.claimed(model)
    found = [finding.file for finding in files.orphans(folder, claimed)]
    return [name for name in found if read_manifest(registry, name) is None]


def copy_out(registry: Registry, names: Iterable[str], target: Path) -> None:
    """Copy the files ``names`` of ``registry`` into the folder ``target``, which has none of them yet.

    Raises RegistryError if it lies in the registry, has such a file, or cannot be written.
    """
    if target.resolve().is_relative_to(registry.root.resolve()):
        raise RegistryError(f"{target} lies in the registry; orphans are moved out of it")
    try:
        for name in names:
            copy = target / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            write_new(copy, registry.read(name) or b"")  # it is the only copy soon
    except FileExistsError as error:
        raise RegistryError(f"{error.filename} is there already; choose another folder") from error
    except OSError as error:
        raise RegistryError(f"cannot write into {target}: {explain(error)}") from error


def discard(root: Path, names: Iterable[str], patience: float) -> None:
    """Take the files ``names`` out of the registry ``root``; they have been copied."""
    for name in names:
        with take_turn(root, "orphans", patience) as workplace:
            durable.discard(open_registry(root).place(name), workplace)
