"""The files of a model's last releases, by digest: what projections are made from, and what a rollback goes back to."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from tinyai_registry.errors import RegistryError
from tinyai_registry.files import sha256_of
from tinyai_registry.store import durable, layout


def put(root: Path, model: str, data: bytes, workplace: Path) -> str:
    """``data`` in the store, durable before anything speaks of it; returns its digest."""
    sha256 = sha256_of(data)
    target = layout.object_file(root, model, sha256)
    if not _holds(target, sha256):
        durable.make_folder(target.parent)
        staged = workplace / sha256
        staged.unlink(missing_ok=True)
        durable.write_new(staged, data)
        durable.rename(staged, target)
    return sha256


def _holds(target: Path, sha256: str) -> bool:
    try:
        return sha256_of(target.read_bytes()) == sha256
    except FileNotFoundError:
        return False


def get(root: Path, model: str, sha256: str) -> bytes:
    """The bytes with this digest. Raises RegistryError if they are not in the store, or not what they were."""
    path = layout.object_file(root, model, sha256)
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise RegistryError(f"{path} is not in the store (pruned, or never fetched: git does not have it)") from error
    except OSError as error:
        raise RegistryError(f"cannot read {path}: {error.strerror}") from error
    if sha256_of(data) != sha256:
        raise RegistryError(f"{path} is damaged: its name is not its digest")
    return data


def keep_only(root: Path, model: str, digests: Collection[str], workplace: Path) -> list[str]:
    """Remove every object of ``model`` that is not among ``digests``; returns those that went."""
    folder = layout.object_file(root, model, "x").parent
    if not folder.is_dir():
        return []
    gone = sorted(path.name for path in folder.iterdir() if path.name not in digests)
    for name in gone:
        durable.discard(folder / name, workplace)
    return gone
