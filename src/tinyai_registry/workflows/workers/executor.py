"""One seam for many machines: small items of work through a ``concurrent.futures.Executor``.

It is a pool of processes here, or Dask's workers, here or elsewhere. What goes over is small: paths and digests in, the
path of what was written and its digest out, or what is to be published. Only the caller merges and publishes.
"""

from __future__ import annotations

import signal
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from contextlib import closing, contextmanager
from typing import Any, Generic, TypeVar

from tinyai_registry.errors import EngineError
from tinyai_registry.workflows.workers.cluster import open_cluster
from tinyai_registry.workflows.workers.engine import Engine
from tinyai_registry.workflows.workers.pool import Pool
from tinyai_registry.workflows.workers.processes import (
    hold,
    import_nothing_else,
    open_processes,
    prepare_processes,
    starting,
)

# Seconds that are waited at a time. Python handles a signal once the main thread comes back from a wait.
MOMENT = 0.2

# How often work is begun again whose worker has died. A worker that dies each time dies of the work.
ATTEMPTS = 3

# What stops us.
_STOPPING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}

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


def prepare(engine: Engine, module: str) -> None:
    """Let the process that workers are copies of import ``module`` meanwhile: there will be work for them."""
    if engine.name == "processes":
        prepare_processes(module)


class _WorkerDiedError(Exception):
    """A worker died; ``times`` says how often one did at each of the places that may have killed it."""

    def __init__(self, times: Mapping[int, int]) -> None:
        super().__init__(times)
        self.times = times


def _as_they_come(
    pool: Pool, work: Callable[[Item], Done], items: Sequence[Item], places: Sequence[int]
) -> Iterator[tuple[int, Done]]:
    """The places of what is done, each with its result. Raises _WorkerDiedError for those that may have killed one."""
    waiting = deque(places)
    pending: dict[Future[Done], int] = {}

    def feed() -> None:
        while waiting and len(pending) < pool.width:
            # Of a worker that is half started, nobody would know that it is to be stopped.
            with starting(), hold(_STOPPING):
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


def _result(future: Future[Done], place: int, pool: Pool) -> Done:
    try:
        return future.result()
    except pool.killed as error:
        raise _WorkerDiedError({place: ATTEMPTS}) from error


@contextmanager
def _open(engine: Engine, work: Callable[..., Any], items: int) -> Iterator[Pool]:
    with import_nothing_else():
        opened = (
            open_cluster(engine, items, ATTEMPTS)
            if engine.name == "dask"
            else open_processes(min(engine.jobs, max(items, 1)), work.__module__)
        )
        with opened as pool:
            yield pool
