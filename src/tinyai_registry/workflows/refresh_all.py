"""The story of refreshing everything: each model in a process of its own, so that none can stop another."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tinyai_registry.documents.config import Config
from tinyai_registry.recipe import Recipe

# The status of a model that has no table, and of one whose refresh ended in an error.
SKIPPED, FAILED = "skipped", "failed"


@dataclass(frozen=True)
class Result:
    """What became of one model: ``status`` as in its report, or skipped or failed, and then ``why``."""

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
    done: Callable[[Result], None],
) -> list[Result]:
    """Refresh each of ``recipes`` whose table is there, ``jobs`` at a time; ``done`` hears of each as it ends.

    ``options`` are passed on to each ``tinyai refresh``. Returns the results in the order of ``recipes``.
    """

    def one(recipe: Recipe) -> Result:
        result = _refresh(recipe, config, registry, options)
        done(result)
        return result

    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(one, recipes))


def _refresh(recipe: Recipe, config: Config, registry: Path, options: Sequence[str]) -> Result:
    table = config.tables.get(recipe.dataset)
    if table is None:
        return Result(recipe.id, SKIPPED, 0, f"tinyai.toml names no table of {recipe.dataset}")
    if not table.is_file():
        return Result(recipe.id, SKIPPED, 0, f"no table: {table}")
    words = ["refresh", recipe.id, "--table", str(table), "--registry", str(registry), "--json", *options]
    child = subprocess.run(
        [sys.executable, "-m", "tinyai_registry", *words], capture_output=True, text=True, check=False
    )
    try:
        answer = json.loads(child.stdout)
    except json.JSONDecodeError:
        last = (child.stderr.strip().splitlines() or ["no output"])[-1]
        return Result(recipe.id, FAILED, child.returncode or 2, f"ended with {child.returncode}: {last}")
    if "error" in answer:
        return Result(recipe.id, FAILED, child.returncode, answer["error"]["message"])
    refused = [verdict["criterion"] for verdict in answer["gate"] or () if not verdict["passed"]]
    return Result(recipe.id, answer["status"], child.returncode, "; ".join(refused) or None)
