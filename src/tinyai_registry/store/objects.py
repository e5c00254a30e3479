"""The files of a model's last releases, by digest: what projections are made from, and what a rollback goes back to."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from tinyai_registry.errors import RegistryError
from tinyai_registry.files import MAX_BYTES, FileProblemError, Problem, digest, explain, read_bytes, sha256_of
from tinyai_registry.store import durable, layout


def put(root: Path, model: str, data: bytes, workplace: Path) -> str:
    """``data`` in the store, durable before anything speaks of it; returns its digest."""
    sha256 = sha256_of(data)
    target = layout.object_file(root, model, sha256)
    if not _holds(target, sha256):
        durable.make_folder(target.parent, root)
        durable.stage(workplace / sha256, data)
        durable.rename(workplace / sha256, target)
    return sha256


def _holds(target: Path, sha256: str) -> bool:
    try:
        return digest(target, MAX_BYTES) == sha256
    except FileProblemError:
        return False  # missing or damaged: it is written again


def get(root: Path, model: str, sha256: str) -> bytes:
    """The bytes with this digest. Raises RegistryError if they are not in the store, or not what they were."""
    path = layout.object_file(root, model, sha256)
    try:
        data = read_bytes(path, MAX_BYTES)
    except FileProblemError as error:
        missing = "is not in the store (pruned, or never fetched: git does not have it)"
        raise RegistryError(f"{path} {missing if error.problem is Problem.MISSING else error.what}") from error
    except OSError as error:
        raise RegistryError(f"cannot read {path}: {explain(error)}") from error
    if sha256_of(data) != sha256:
        raise RegistryError(f"{path} is damaged: its name is not its digest")
    return data


def keep_only(root: Path, model: str, digests: Collection[str], workplace: Path) -> list[str]:
    """Remove every object of ``model`` that is not among ``digests``; returns those that went."""
    gone = [sha256 for sha256 in layout.object_digests(root, model) if sha256 not in digests]
    for sha256 in gone:
        durable.discard(layout.object_file(root, model, sha256), workplace)
    return gone
