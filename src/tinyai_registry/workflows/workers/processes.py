"""Workers that are processes of this machine."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import forkserver, get_all_start_methods, get_context, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from types import ModuleType

from tinyai_registry.errors import EngineError
from tinyai_registry.files import explain
from tinyai_registry.workflows.workers.pool import Pool

_SAFE_PATH = "PYTHONSAFEPATH"


@contextmanager
def open_processes(count: int, module: str) -> Iterator[Pool]:
    """A pool whose workers end when this block is left by an exception, or this process dies.

    Each has one end of a pipe. When the other is closed, here or by the system, they end at once. Where the system can
    do it, they are copies of one process that has imported ``module``.
    """
    context = _context()
    with starting():
        _start_server(context, module)
        theirs, ours = context.Pipe(duplex=False)
        pool = ProcessPoolExecutor(count, context, _begin, (theirs, dict(os.environ)))
    try:
        yield Pool(pool, width=2 * count)  # while one is done, the next lies ready
    except BaseException:
        ours.close()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        ours.close()
        theirs.close()


def _context() -> BaseContext:
    # No copies of this process: other threads of it may hold locks that nobody would open in the copy.
    return get_context("forkserver" if "forkserver" in get_all_start_methods() else "spawn")


def _begin(lifeline: Connection, environment: Mapping[str, str]) -> None:
    os.environ.clear()  # the process that we are a copy of may have been started under another
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal signals the whole group; who started us tells us to end
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()


def _end_with(lifeline: Connection) -> None:
    try:
        lifeline.recv_bytes()
    except (EOFError, OSError):
        os._exit(1)


@contextmanager
def import_nothing_else() -> Iterator[None]:
    """What starts meanwhile imports nothing from the working directory, which may be a stranger's, nor our main module.

    Python would import that one again, under another name; what it does, nobody has asked a worker for.
    """
    before, main = os.environ.get(_SAFE_PATH), sys.modules["__main__"]
    os.environ[_SAFE_PATH] = "1"
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        if before is None:
            del os.environ[_SAFE_PATH]
        else:
            os.environ[_SAFE_PATH] = before


def prepare_processes(module: str) -> None:
    """Let the process that workers are copies of import ``module`` meanwhile: there may be work for them."""
    with import_nothing_else(), suppress(EngineError), starting():  # whoever has work for them is told
        _start_server(_context(), module)


@contextmanager
def starting() -> Iterator[None]:
    """Raise EngineError where the system starts no process."""
    try:
        yield
    except (OSError, EOFError) as error:  # nothing comes from a process that has died because of it
        why = explain(error) if isinstance(error, OSError) and str(error) else "one that was begun has died"
        raise EngineError(
            f"cannot start processes for the work: {why}; they take processes, open files, and a socket in the folder "
            "for temporary files: raise the limits (ulimit), or name a folder with a short path in TMPDIR"
        ) from error


def _start_server(context: BaseContext, module: str) -> None:
    """Start the process that workers are copies of, where the system can do it, deaf to what a terminal signals.

    That goes to the whole group. Who is importing just then would write a traceback, and who keeps account of what they
    share would be started again and miss what it has not heard of. Both end with us, and so do the workers.
    """
    if context.get_start_method() != "forkserver":
        return
    context.set_forkserver_preload([module, __name__, f"{__package__}.server"])
    with hold({signal.SIGHUP}):  # what is started inherits that
        resource_tracker.ensure_running()  # it has a way of its own with SIGINT, and would make us hear it again
        with hold({signal.SIGINT}):
            forkserver.ensure_running()


@contextmanager
def hold(signals: set[signal.Signals]) -> Iterator[None]:
    """Let ``signals`` wait until this block ends."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
