"""A writer's turn at a registry: alone in it, with nothing left to finish, and a workplace of its own.

The lock is courtesy between writers, on which no correctness rests.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from tinyai_registry.errors import OvertakenError, RegistryBusyError, TinyaiError
from tinyai_registry.store import durable, layout
from tinyai_registry.store.takeover import bring_up, new_workplace, take_over

logger = logging.getLogger(__name__)

# Seconds for which a writer waits for others.
PATIENCE = 60.0

# Seconds before a writer that was overtaken tries again, at most: the first time, and after many times.
SHORTEST, LONGEST = 0.02, 2.0


def attempts(patience: float) -> Iterator[None]:
    """Times to try to get a turn undisturbed, for ``patience`` seconds.

    The pauses between them are random and grow, or writers that overtake each other would do so for ever.
    """
    deadline, longest = time.monotonic() + patience, SHORTEST
    yield
    while time.monotonic() < deadline:
        time.sleep(random.uniform(0, longest))  # noqa: S311 - no secret
        longest = min(LONGEST, 2 * longest)
        yield


@contextmanager
def writing(root: Path, model: str, patience: float = PATIENCE) -> Iterator[Path]:
    """A turn at the registry ``root``, with a workplace of one's own, and what others began finished.

    Where anything goes wrong, it is tidied up at once if the disk lets us; else the workplace stays, and the next
    command knows by it that there is something to finish. Raises RegistryBusyError if another writer keeps the
    registry for ``patience`` seconds, OvertakenError if one has taken the workplace away.
    """
    durable.make_folder(layout.pending_folder(root))
    with _locked(root, patience):
        workplace = new_workplace(root, model)
        try:
            take_over(root, workplace)
            ignore_store(root, workplace)
            yield workplace
        except BaseException as error:
            overtaken = isinstance(error, FileExistsError) or not workplace.is_dir()
            with suppress(OSError, TinyaiError):
                bring_up(root, model, workplace)
                durable.remove_folder(workplace)
            if overtaken and isinstance(error, OSError | TinyaiError):
                raise OvertakenError(f"another writer has taken {root} over; try again") from error
            raise
        durable.remove_folder(workplace)


def ignore_store(root: Path, workplace: Path) -> None:
    """Keep git from the store."""
    ignore = layout.ignore_file(root)
    if not ignore.exists():
        durable.write_new(workplace / ignore.name, layout.IGNORED.encode())
        durable.rename(workplace / ignore.name, ignore)


@contextmanager
def _locked(root: Path, patience: float) -> Iterator[None]:
    lock = FileLock(layout.lock_file(root))
    try:
        _acquire(lock, root, patience)
    except Timeout:
        raise RegistryBusyError(f"{root} has been busy for {patience:g} seconds; try again") from None
    try:
        yield
    finally:
        lock.release()


def _acquire(lock: FileLock, root: Path, patience: float) -> None:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if patience <= 0:
            raise
        logger.warning("waiting up to %g s for another writer of %s", patience, root)
        lock.acquire(timeout=patience)
