"""``--engine``, ``--scheduler`` and ``--jobs``: who does the work of a command that is done in parts."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any, Literal

import click

from tinyai_registry.errors import TinyaiError
from tinyai_registry.workflows.workers.engine import Engine

_ADDRESS = re.compile(r"([a-z]+://)?[^/\s]+:[0-9]+")

Run = Callable[..., int]


def engine_options(run: Run) -> Run:
    """Give ``run`` the three options, and call it with the ``engine`` that they name; None if they name none."""

    @click.option(
        "--engine", type=click.Choice(["processes", "dask"]), help="Who does the work [default: processes of ours]."
    )
    @click.option("--scheduler", help="With --engine dask: the address of a scheduler [default: workers of our own].")
    @click.option("--jobs", type=click.IntRange(min=1), help="So many processes [default: one for each core].")
    @wraps(run)
    def callback(
        *words: Any,
        engine: Literal["processes", "dask"] | None,
        scheduler: str | None,
        jobs: int | None,
        **parameters: Any,
    ) -> int:
        return run(*words, engine=_engine(engine, scheduler, jobs), **parameters)

    return callback


def _engine(name: Literal["processes", "dask"] | None, scheduler: str | None, jobs: int | None) -> Engine | None:
    if scheduler is not None and name != "dask":
        raise TinyaiError("--scheduler goes with --engine dask")
    if scheduler is not None and not _ADDRESS.fullmatch(scheduler):
        raise TinyaiError(f"--scheduler {scheduler!r} is no address; write HOST:PORT or tcp://HOST:PORT")
    if name is None and jobs is None:
        return None
    named = name or "processes"
    return Engine(named, jobs, scheduler) if jobs else Engine(named, scheduler=scheduler)
