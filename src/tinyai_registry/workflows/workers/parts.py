"""The folder where finished parts of some work lie until all are there, and who of this machine is at that work."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

from tinyai_registry.errors import EngineError


@contextmanager
def keep_parts(folder: Path, busy: str | None = None) -> Iterator[Path]:
    """``folder``, for finished parts of some work; it is gone when the last one who is at that work ends.

    But where an EngineError ends it, what was finished is kept, and the next run goes on from there. Where one alone
    may be at it, ``busy`` is what the EngineError says that is raised for another.
    """
    try:
        held = _hold(folder, alone=busy is not None)
    except BlockingIOError as error:
        raise EngineError(busy) from error
    remove: Callable[[Path], None] = partial(shutil.rmtree, ignore_errors=True)
    try:
        yield folder
    except EngineError:
        remove = os.rmdir  # if nothing was finished
        raise
    finally:
        with suppress(OSError):  # somebody else is still at it
            _lock(held, alone=True)
            remove(folder)
        os.close(held)


def _hold(folder: Path, *, alone: bool) -> int:
    """A descriptor of ``folder``, which is made where it is missing. Nobody else removes it until that is closed."""
    while True:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        with suppress(FileNotFoundError), ExitStack() as unless_held:  # the last one at it may just remove it
            held = _open(folder)
            unless_held.callback(os.close, held)
            _lock(held, alone=alone)
            if os.path.samestat(os.fstat(held), folder.lstat()):
                unless_held.pop_all()
                return held


def _open(folder: Path) -> int:
    strange = f"{folder} is a link or somebody else's, and what is in it may be, too; take it away"
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise EngineError(strange) from error
    if os.fstat(opened).st_uid != os.geteuid():
        os.close(opened)
        raise EngineError(strange)
    return opened


def _lock(held: int, *, alone: bool) -> None:
    """Share the folder with others who are at the same work, or raise BlockingIOError if there are any."""
    import fcntl  # noqa: PLC0415 - Windows has none, and what needs no workers runs there

    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH)
