"""A writer's turn at a registry: the only writer, with nothing left to finish, and a workplace of its own.

The lock only saves writers from racing; correctness does not rest on it.
"""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from tinyai_registry.errors import OvertakenError, RegistryBusyError, TinyaiError
from tinyai_registry.store import durable, layout
from tinyai_registry.store.takeover import finish, new_workplace, take_over

logger = logging.getLogger(__name__)

# Seconds for which a writer waits for others.
PATIENCE = 60.0

# Seconds between two looks of a writer that was overtaken, at most.
PAUSE = 0.02


def attempts(root: Path, patience: float) -> Iterator[None]:
    """Yield once for each attempt to get a turn, for ``patience`` seconds, with exponential back-off between them.

    The pauses are random, or writers that fence each other could do so for ever. A pause ends when no other writer is
    at work, and has a limit, as the other writer may be dead.
    """
    deadline, longest = time.monotonic() + patience, PAUSE
    yield
    while (now := time.monotonic()) < deadline:
        until = min(deadline, now + _random(longest))
        time.sleep(_random(PAUSE))
        while time.monotonic() < until and layout.workplaces(root):
            time.sleep(_random(PAUSE))
        longest *= 2
        yield


@contextmanager
def take_turn(root: Path, model: str, patience: float = PATIENCE) -> Iterator[Path]:
    """Take a turn at the registry ``root``: finish what others began, and provide a workplace.

    After an error the model is brought up to its log at once, if the disk allows that; else the workplace stays, and
    tells the next writer that there is something to finish. Raises RegistryBusyError if another writer keeps the
    registry for ``patience`` seconds, OvertakenError if another writer has removed the workplace.
    """
    layout.require_trusted(root, model)
    durable.make_folder(layout.pending_folder(root), root)
    with _hold_lock(root, patience):
        workplace = new_workplace(root, model)
        try:
            take_over(root, workplace)
            write_git_files(root, workplace)
            yield workplace
        except BaseException as error:
            overtaken = isinstance(error, FileExistsError) or not workplace.is_dir()
            with suppress(OSError, TinyaiError):
                finish(root, model, workplace)
                durable.remove_folder(workplace)
            if overtaken and isinstance(error, OSError | TinyaiError):
                raise OvertakenError(f"another writer has taken {root} over; try again") from error
            raise
        durable.remove_folder(workplace)


def write_git_files(root: Path, workplace: Path) -> None:
    """Tell git to ignore objects and workplaces, and to leave line ends alone; a file that exists is not changed."""
    for file, text in layout.git_files(root).items():
        if not os.path.lexists(file):
            durable.stage(workplace / file.name, text.encode())
            with suppress(FileExistsError):
                durable.link_new(workplace / file.name, file)


def _random(longest: float) -> float:
    return random.uniform(0, longest)  # noqa: S311 - no secret


@contextmanager
def _hold_lock(root: Path, patience: float) -> Iterator[None]:
    lock = FileLock(layout.lock_file(root))
    try:
        durable.make_lock(layout.lock_file(root))
        _acquire(lock, root, patience)
    except Timeout:
        raise RegistryBusyError(f"{root} has been busy for {patience:g} seconds; try again") from None
    except OSError as error:  # it belongs to another user, or is no file: we go on without
        logger.debug("%s cannot be locked: %s", root, error)
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
