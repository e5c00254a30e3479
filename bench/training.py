"""The training of every installed recipe, all fits as a stack, against the plain loop that makes one after another.

``python bench/training.py [EPOCHS] [ROUNDS]`` takes turns in one process, on the tables of ``bench/tinyai.toml``. Both
train all the fits of a refresh for EPOCHS epochs (by default a tenth of the recipe's), on standardised rows that are in
memory, and print the ratio. What a plugin trains by itself has no plain loop and is left out.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from plain_loop import fit

from tinyai_registry.documents.config import find_config
from tinyai_registry.errors import ConfigError
from tinyai_registry.lab import folds
from tinyai_registry.lab.table import Table, read_table
from tinyai_registry.lab.training import train_mlps
from tinyai_registry.plugins.discovery import discover
from tinyai_registry.recipe import Recipe

TABLES = Path(__file__).parent
AIM, MANY_FITS = 0.35, 10
WARM_UP = 1
THREADS = torch.get_num_threads()


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock seconds of ``work``."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def table_of(recipe: Recipe) -> Table | None:
    """The recipe's table, None if it is not here."""
    try:
        data = find_config(TABLES).table(recipe.dataset)
    except ConfigError:
        return None
    return read_table(data, recipe) if all(path.exists() for path in data.paths) else None


def race(recipe: Recipe, table: Table, rounds: int) -> str:
    """The stack and the plain loop, ``rounds`` times in turn."""
    jobs = folds.fits(folds.plan(table, recipe.folds), recipe.seeds)

    def stack() -> None:
        torch.set_num_threads(THREADS)
        train_mlps(recipe, table, jobs)

    def loop() -> None:
        torch.set_num_threads(1)  # the better opponent: tensors this small are not worth splitting
        for job in jobs:
            fit(recipe, table.features[job.rows], table.target[job.rows], job.seed)

    for _ in range(WARM_UP):
        stack()
    pairs = [(seconds(stack), seconds(loop)) for _ in range(rounds)]
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    ours, theirs = map(statistics.median, zip(*pairs, strict=True))
    verdict = "" if len(jobs) <= MANY_FITS else f"  the aim is {AIM:.2f}: {'met' if ratio <= AIM else 'missed'}"
    return f"{len(jobs):4} fits  stack {ours:7.2f} s  plain loop {theirs:7.2f} s  ratio {ratio:.3f}{verdict}"


def main(epochs: int | None, rounds: int) -> None:
    """Every recipe of every installed plugin."""
    for recipe in discover().recipes:
        if recipe.architecture is None or recipe.training is None:
            continue
        chosen = max(2, recipe.training.epochs // 10) if epochs is None else epochs
        short = replace(recipe, training=replace(recipe.training, epochs=chosen))
        table = table_of(short)
        said = "its table is not here" if table is None else race(short, table, rounds)
        print(f"{recipe.id:28} {chosen:4} epochs  {said}", flush=True)


if __name__ == "__main__":
    arguments = [int(word) for word in sys.argv[1:]]
    main(arguments[0] if arguments else None, arguments[1] if len(arguments) > 1 else 3)
