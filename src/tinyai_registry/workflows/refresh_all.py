"""The story of refreshing every model: each in a process of its own, so that none can stop another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path

from tinyai_registry.documents.config import Config
from tinyai_registry.recipe import Recipe

# Seconds that are waited for a child at a time. Python handles a signal once the main thread comes back from a wait,
# and one that arrives just before a wait does not end it.
MOMENT = 0.2

# The status of a model that has no table, and of one whose refresh ended in an error.
SKIPPED, FAILED = "skipped", "failed"


@dataclass(frozen=True)
class Result:
    """How the refresh of one model ended: ``status`` as in its report, or skipped or failed, and then ``why``."""

    model: str
    status: str
    exit_code: int
    why: str | None = None


def refresh_all(
    recipes: Sequence[Recipe],
    config: Config,
    registry: Path,
    options: Sequence[str],
    jobs: int,
    report: Callable[[Result], None],
) -> list[Result]:
    """Refresh each of ``recipes`` whose table is there, ``jobs`` at a time; call ``report`` with each result.

    ``options`` are passed on to each ``tinyai refresh``. Returns the results in the order of ``recipes``. If this is
    interrupted, or the process dies, the children stop.
    """
    # The standard input of every child is one pipe. When its other end is closed, here or by the system because this
    # process has died, they stop; none of them inherits that end.
    theirs, ours = os.pipe()
    with os.fdopen(theirs) as lifeline, ThreadPoolExecutor(jobs) as pool, os.fdopen(ours, "wb"):

        def one(recipe: Recipe) -> Result:
            result = _refresh(recipe, config, registry, options, lifeline)
            report(result)
            return result

        futures = [pool.submit(one, recipe) for recipe in recipes]
        try:
            return [_wait_for(future) for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _wait_for(future: Future[Result]) -> Result:
    while not wait([future], MOMENT).done:
        pass
    return future.result()


def _refresh(recipe: Recipe, config: Config, registry: Path, options: Sequence[str], lifeline: TextIOWrapper) -> Result:
    data = config.tables.get(recipe.dataset)
    if data is None or not data.paths:
        return Result(recipe.id, SKIPPED, 0, f"tinyai.toml names no table of {recipe.dataset}")
    for path in data.paths:
        if not path.is_file():
            return Result(recipe.id, SKIPPED, 0, f"no table: {path}")
    tables = [word for named in data.name_files() for word in ("--table", named)]
    words = ["refresh", recipe.id, *tables, "--registry", str(registry), "--json", *options]
    # -P: the working directory may be a stranger's, and what lies in it is not to be imported.
    program = [sys.executable, "-P", "-m", "tinyai_registry.cli.end_with_parent"]
    child = subprocess.run([*program, *words], stdin=lifeline, capture_output=True, text=True, check=False)
    try:
        answer = json.loads(child.stdout)
    except json.JSONDecodeError:
        last = (child.stderr.strip().splitlines() or ["no output"])[-1]
        return Result(recipe.id, FAILED, _exit_code(child.returncode) or 2, f"ended with {child.returncode}: {last}")
    if "error" in answer:
        return Result(recipe.id, FAILED, child.returncode, answer["error"]["message"])
    refused = [verdict["criterion"] for verdict in answer["gate"] or () if not verdict["passed"]]
    return Result(recipe.id, answer["status"], child.returncode, "; ".join(refused) or None)


def _exit_code(returncode: int) -> int:
    """As a shell says it: 128 and the signal that has killed the process."""
    return 128 - returncode if returncode < 0 else returncode
