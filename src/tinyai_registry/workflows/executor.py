"""One seam for many machines: small items of work through a ``concurrent.futures.Executor``.

It is a pool of processes here, or Dask's workers, here or elsewhere. What goes over is small: paths and digests in, the
path of what was written and its digest out, or what is to be published. Only the caller merges and publishes.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import forkserver, get_all_start_methods, get_context, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

from tinyai_registry.errors import EngineError
from tinyai_registry.files import is_link
from tinyai_registry.workflows.engine import Engine

# Seconds that are waited at a time. Python handles a signal once the main thread comes back from a wait.
MOMENT = 0.2

# How often work is begun again whose worker has died. A worker that dies each time dies of the work.
ATTEMPTS = 3

# Seconds that a scheduler has to answer, and how long one that went away is waited for.
PATIENCE = 10.0

# Who writes tracebacks to standard error where a connection ends.
_TALKATIVE = ("asyncio", "distributed", "distributed.client", "distributed.core", "tornado.application")

# What stops us.
_STOPPING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}

_SAFE_PATH = "PYTHONSAFEPATH"

Item = TypeVar("Item")
Done = TypeVar("Done")


def carry_out(
    engine: Engine,
    work: Callable[[Item], Done],
    items: Sequence[Item],
    tell: Callable[[int], None],
    lost: Callable[[Item], Done] | None = None,
    take: Callable[[Done], None] = lambda _: None,
) -> list[Done]:
    """``work`` of each of ``items``, in their order; ``tell`` is called with how many are done.

    ``take`` is called with each result, in the order of ``items``, as soon as it and all before it are there.

    Raises and promises what :func:`as_done` does.
    """
    finished = _Finished[Done](tell, take)
    with closing(as_done(engine, work, items, lost)) as results:
        for place, done in results:
            finished.add(place, done)
    return [finished.results[place] for place in range(len(items))]


class _Finished(Generic[Done]):
    """Results by their place; whoever waits for them is told."""

    def __init__(self, tell: Callable[[int], None], take: Callable[[Done], None]) -> None:
        self.results: dict[int, Done] = {}
        self._tell, self._take, self._taken = tell, take, 0

    def add(self, place: int, done: Done) -> None:
        """Keep ``done``, and hand over what follows on what was handed over before."""
        self.results[place] = done
        while self._taken in self.results:
            self._take(self.results[self._taken])
            self._taken += 1
        self._tell(len(self.results))


def as_done(
    engine: Engine,
    work: Callable[[Item], Done],
    items: Sequence[Item],
    lost: Callable[[Item], Done] | None = None,
) -> Generator[tuple[int, Done], None, None]:
    """The place of each of ``items`` and what ``work`` makes of it, as they come. Close this if you leave it early.

    ``work`` is a function of a module, and does the same when it is done twice: where a worker dies, what it was at is
    done again. If its worker dies ATTEMPTS times, ``lost(item)`` is the result; without it EngineError is raised, as it
    is where nobody is there to work. However this ends, no process that it has started is left.
    """
    if len(items) <= 1 and engine.name == "processes":
        yield from ((place, work(item)) for place, item in enumerate(items))  # done before a process has started
        return
    finished: set[int] = set()
    deaths: Counter[int] = Counter()
    while left := [place for place in range(len(items)) if place not in finished]:
        # One of those that were at work when a worker died may have killed it: each shows by itself whether it does.
        alone = [place for place in left if deaths[place]][:1]
        try:
            with _open(engine, work, len(alone or left)) as pool:
                for place, done in _as_they_come(pool, work, items, alone or left):
                    finished.add(place)
                    yield place, done
        except _WorkerDiedError as died:
            deaths.update(died.times)
            for place in [place for place in died.times if deaths[place] >= ATTEMPTS]:
                finished.add(place)
                yield place, _lose(items[place], lost, f"{len(finished) - 1} of {len(items)}")


def _lose(item: Item, lost: Callable[[Item], Done] | None, done: str) -> Done:
    if lost is None:
        raise EngineError(
            f"workers died {ATTEMPTS} times at the same part of the work, {done} parts are done; is there too little "
            "memory for it? What was finished is kept, so run this again"
        )
    return lost(item)


@contextmanager
def keep_parts(folder: Path) -> Iterator[Path]:
    """``folder``, for finished parts of some work; it is gone when the block ends.

    But where an EngineError ends it, what was finished is kept, and the next run goes on from there.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    about = folder.lstat()
    if is_link(about) or about.st_uid != os.geteuid():
        raise EngineError(f"{folder} is a link or somebody else's, and what is in it may be, too; take it away")
    try:
        yield folder
    except EngineError:
        with suppress(OSError):
            folder.rmdir()  # if nothing was finished
        raise
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def prepare(engine: Engine, module: str) -> None:
    """Let the process that workers are copies of import ``module`` meanwhile: there will be work for them."""
    if engine.name == "processes":
        with _workers_import_their_work_alone():
            _start_server(_context(), module)


def _start_server(context: BaseContext, module: str) -> None:
    """Start the process that workers are copies of, where the system can do it: deaf to SIGINT, as they are, too.

    A terminal signals the whole group, and what is importing just then would write a traceback.
    """
    if context.get_start_method() != "forkserver":
        return
    context.set_forkserver_preload([module, __name__])
    resource_tracker.ensure_running()  # it has a way of its own, and would make us hear again
    with _hold({signal.SIGINT}):  # what is started inherits that
        forkserver.ensure_running()


@contextmanager
def _hold(signals: set[signal.Signals]) -> Iterator[None]:
    """Let ``signals`` wait until this block ends."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _WorkerDiedError(Exception):
    """A worker died; ``times`` says how often one did at each of the places that may have killed it."""

    def __init__(self, times: Mapping[int, int]) -> None:
        super().__init__(times)
        self.times = times


@dataclass(frozen=True)
class _Pool:
    """An executor, and how many pieces of work it is given at a time.

    ``killed`` are the errors by which a future says that its own work has killed workers again and again; ``watch``
    raises EngineError if there is nobody behind the executor any more.
    """

    executor: Executor
    width: int
    killed: tuple[type[Exception], ...] = ()
    watch: Callable[[], None] = lambda: None


def _as_they_come(
    pool: _Pool, work: Callable[[Item], Done], items: Sequence[Item], places: Sequence[int]
) -> Iterator[tuple[int, Done]]:
    """The places of what is done, each with its result. Raises _WorkerDiedError for those that may have killed one."""
    waiting = deque(places)
    pending: dict[Future[Done], int] = {}

    def feed() -> None:
        while waiting and len(pending) < pool.width:
            with _hold(_STOPPING):  # of a worker that is half started, nobody would know that it is to be stopped
                pending[pool.executor.submit(work, items[waiting[0]])] = waiting[0]
            waiting.popleft()

    try:
        feed()
        while pending:
            done, _ = wait(pending, MOMENT, FIRST_COMPLETED)
            pool.watch()
            for future in sorted(done, key=pending.__getitem__):
                result, place = _result(future, pending[future], pool), pending.pop(future)
                feed()  # nobody waits for what the caller does with it
                yield place, result
    except BrokenExecutor as error:
        at_work = [*pending.values()] or [waiting[0]]
        raise _WorkerDiedError(dict.fromkeys(at_work, 1)) from error


def _result(future: Future[Done], place: int, pool: _Pool) -> Done:
    try:
        return future.result()
    except pool.killed as error:
        raise _WorkerDiedError({place: ATTEMPTS}) from error


@contextmanager
def _open(engine: Engine, work: Callable[..., Any], items: int) -> Iterator[_Pool]:
    with _workers_import_their_work_alone():
        if engine.name == "dask":
            with _dask(engine, items) as pool:
                yield pool
        else:
            with _processes(min(engine.jobs, max(items, 1)), work.__module__) as executor:
                yield _Pool(executor, width=2 * engine.jobs)  # while one is done, the next lies ready


@contextmanager
def _workers_import_their_work_alone() -> Iterator[None]:
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


# --- processes ------------------------------------------------------------------------------------------------------


@contextmanager
def _processes(count: int, module: str) -> Iterator[Executor]:
    """A pool whose workers end when this block is left by an exception, or this process dies.

    Each has one end of a pipe. When the other is closed, here or by the system, they end at once. Where the system can
    do it, they are copies of one process that has imported ``module``.
    """
    context = _context()
    _start_server(context, module)
    theirs, ours = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(count, context, _begin, (theirs, dict(os.environ)))
    try:
        yield pool
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


# --- Dask -----------------------------------------------------------------------------------------------------------


@contextmanager
def _dask(engine: Engine, items: int) -> Iterator[_Pool]:
    distributed = import_module("distributed")
    with _quiet(), _cluster(distributed, engine) as address, _client(distributed, address) as client:
        executor = client.get_executor(retries=ATTEMPTS, pure=False)
        try:
            killed = (distributed.scheduler.KilledWorker,)
            yield _Pool(executor, items, killed, lambda: _require_scheduler(client, address))
        except (CancelledError, distributed.CancelledError, distributed.comm.CommClosedError) as error:
            raise _gone(address) from error
        finally:
            executor.shutdown(wait=False)


@contextmanager
def _quiet() -> Iterator[None]:
    """Whatever goes wrong is said once, by us."""
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    before = [each.level for each in loggers]
    for each in loggers:
        each.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for each, level in zip(loggers, before, strict=True):
            each.setLevel(level)


@contextmanager
def _cluster(distributed: Any, engine: Engine) -> Iterator[str]:
    if engine.scheduler is not None:
        yield engine.scheduler
        return
    # The page for people would go to a port that another cluster may have taken, and say so; any port will do.
    with distributed.LocalCluster(
        n_workers=engine.jobs,
        threads_per_worker=1,
        processes=True,
        dashboard_address="127.0.0.1:0",
        silence_logs="CRITICAL",
    ) as cluster:
        yield cluster.scheduler_address


@contextmanager
def _client(distributed: Any, address: str) -> Iterator[Any]:
    try:
        client = distributed.Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise EngineError(
            f"no scheduler answers at {address}; start `dask scheduler` there, or mend --scheduler"
        ) from error
    try:
        yield client
    finally:
        client.close(timeout=MOMENT)


def _require_scheduler(client: Any, address: str) -> None:
    if client.status in {"closed", "closing"}:
        raise _gone(address)


def _gone(address: str) -> EngineError:
    return EngineError(f"the scheduler at {address} went away; what was finished is kept, so run this again")
