"""Putting a release into the registry: stage, verify, swap; undone if anything fails on the way.

Files appear in an order that is safe for a reader that knows nothing of us: artifacts, sidecar and card
first, then ``registry.json``, whose digests make them count, then the withdrawals. In between, a reader
sees a digest that does not match, and refuses; never a wrong pair that matches.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from tinyai_registry.documents import row, strict_json
from tinyai_registry.errors import PublishError, RegistryBusyError, RegistryError
from tinyai_registry.release import Release, sha256_of
from tinyai_registry.store.registry import EMPTY, INDEX, Registered, Registry, open_registry

# Seconds to wait for another writer of the same registry.
PATIENCE = 60


def init(root: Path) -> Path:
    """An empty registry in the folder ``root``; returns its ``registry.json``. Raises RegistryError if there is one."""
    index = root / INDEX
    try:
        if root.exists() and not root.is_dir():
            raise RegistryError(f"{root} is a file, and a registry is a folder")
        root.mkdir(parents=True, exist_ok=True)
        with index.open("x", encoding="ascii") as file:
            file.write(strict_json.dumps(EMPTY))
    except FileExistsError:
        raise RegistryError(f"{index} exists already; nothing was changed") from None
    except OSError as error:
        raise RegistryError(f"cannot make {index}: {error.strerror}") from error
    return index


def publish(registry: Registry, before: Registered | None, release: Release) -> None:
    """Make ``release`` the registered one of its model, in place of ``before``.

    Raises RegistryBusyError if the model's row is no longer that of ``before``, PublishError if a file cannot
    be written. Either way every byte of the registry is as it was.
    """
    try:
        with _turn(registry.root):
            _publish(registry, before, release)
    except Timeout:
        raise RegistryBusyError(
            f"{registry.root} has been busy for {PATIENCE} seconds; run the refresh again"
        ) from None
    except OSError as error:
        raise PublishError(
            f"cannot publish {release.model} into {registry.root}: {error.strerror}; the registry is unchanged"
        ) from error


def _turn(root: Path) -> FileLock:
    """Whose turn it is to write into the registry ``root``, among the processes of this machine."""
    name = sha256_of(str(root.resolve()).encode())
    return FileLock(Path(tempfile.gettempdir()) / f"tinyai-{name[:16]}.lock", timeout=PATIENCE)


def _publish(registry: Registry, before: Registered | None, release: Release) -> None:
    current = open_registry(registry.root)  # a neighbour may have been refreshed since
    if current.row(release.model) != (before and before.row):
        raise RegistryBusyError(
            f"{release.model} was changed in {registry.root} by someone else meanwhile; run the refresh again"
        )
    index = strict_json.dumps(row.with_rows(current.document, release.rows), sort_keys=False)
    files = {**release.files, INDEX: index.encode()}
    targets = {name: current.path(name) for name in (*files, *release.withdrawn)}
    with _staging(registry.root) as staging:
        for name, data in files.items():
            _write_verified(staging / "new" / name, data)
        _swap(targets, staging, release.withdrawn)


@contextmanager
def _staging(root: Path) -> Iterator[Path]:
    # Inside the registry, because a rename is atomic only within one file system.
    folder = Path(tempfile.mkdtemp(prefix=".tinyai-", dir=root))
    try:
        yield folder
    except RegistryBusyError:
        raise  # the folder has the only copies of what could not be put back
    except BaseException:
        shutil.rmtree(folder)
        raise
    shutil.rmtree(folder, ignore_errors=True)  # published; what is left over hurts nobody


def _write_verified(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    if path.read_bytes() != data:
        raise PublishError(f"{path.name}: what was written is not what is read back; the registry is unchanged")


def _swap(targets: Mapping[str, Path], staging: Path, withdrawn: Collection[str]) -> None:
    """Put every staged file in its place, in order; all as before if anything fails."""
    undo: list[Callable[[], object]] = []
    try:
        for name, target in targets.items():
            kept = staging / "old" / name
            kept.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():
                shutil.copy2(target, kept)
                undo.append(partial(kept.replace, target))
            else:
                undo.append(partial(target.unlink, missing_ok=True))
            if name in withdrawn:
                target.unlink()
            else:
                (staging / "new" / name).replace(target)
        _sync_folder(staging.parent)
    except BaseException as error:
        _restore(undo, staging, error)
        raise


def _restore(undo: Sequence[Callable[[], object]], staging: Path, cause: BaseException) -> None:
    """Take every step back, last first. Raises RegistryBusyError, and keeps the old files, where one cannot be."""
    failed = None
    for step in reversed(undo):
        try:
            step()
        except OSError as error:
            failed = error
    if failed is not None:
        raise RegistryBusyError(
            f"the disk failed while publishing, and again while undoing it ({failed.strerror}); "
            f"the old files are in {staging / 'old'}: copy them back over those beside it"
        ) from cause


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot open a folder, and its renames are durable without
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
