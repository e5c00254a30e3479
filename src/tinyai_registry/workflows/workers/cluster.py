"""Workers that Dask has, on this machine or at a scheduler elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from tinyai_registry.errors import EngineError
from tinyai_registry.workflows.workers.engine import Engine
from tinyai_registry.workflows.workers.pool import Pool

# Seconds that are waited for a connection to close.
MOMENT = 0.2

# Seconds that a scheduler has to answer, and how long one that went away is waited for.
PATIENCE = 10.0

# Who writes tracebacks to standard error where a connection ends.
_TALKATIVE = ("asyncio", "distributed", "distributed.client", "distributed.core", "tornado.application")


@contextmanager
def open_cluster(engine: Engine, items: int, attempts: int) -> Iterator[Pool]:
    """Workers at the engine's scheduler, or of a cluster that lives as long as this block.

    Work whose worker dies is begun again ``attempts`` times. Raises EngineError if no scheduler is there, or it goes.
    """
    distributed = import_module("distributed")
    with _quiet(), _cluster(distributed, engine) as address, _client(distributed, address) as client:
        executor = client.get_executor(retries=attempts, pure=False)
        try:
            killed = (distributed.scheduler.KilledWorker,)
            yield Pool(executor, items, killed, lambda: _require_scheduler(client, address))
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
