"""Training many fits of one MLP recipe together, as one stack, with the numbers of a plain PyTorch loop.

The plain loop is ``torch.manual_seed(seed)``, a ``nn.Sequential`` of ``Linear``, activation and ``Dropout``,
a ``DataLoader(shuffle=True)`` and ``AdamW`` (or ``Adam``), one fit after another. It spends its time on dispatch: the
networks are tiny. Here every step advances all fits at once through batched matrix products, and each
fit still draws its random numbers from a generator of its own in the order of that loop. So the recipe does
not change by being stacked, and a fit does not depend on its neighbours.
"""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from threading import Event

import numpy as np
import torch
from numpy.typing import NDArray

from tinyai_registry.errors import RecipeError, TableError
from tinyai_registry.evaluation import Fit
from tinyai_registry.evaluation.progress import Progress
from tinyai_registry.lab.derived import make_unknown
from tinyai_registry.lab.draws import draw_unknown
from tinyai_registry.lab.mlp import TrainedMLP, output_bounds, prepared
from tinyai_registry.lab.stack import Cohort, Parameters, Stack
from tinyai_registry.lab.standardisation import Standardisation, standardise
from tinyai_registry.lab.table import Table
from tinyai_registry.recipe import MLP, Recipe, Training

# Two workers of one thread each beat one worker of two threads: the tensors of a step are too small to be
# worth splitting. More workers would leave too few fits in each stack.
WORKERS = 2

# Seconds that are waited for a worker at a time. Python handles a signal once the main thread comes back from a wait,
# and one that arrives just before a wait does not end it.
MOMENT = 0.2


def train_mlps(recipe: Recipe, table: Table, fits: Sequence[Fit], progress: Progress | None = None) -> list[TrainedMLP]:
    """One trained MLP for each fit, in order; ``progress`` is told how many steps of all of them are done.

    Raises RecipeError if the recipe declares no MLP or no training settings, TableError if a fit has no value at all of
    some feature.
    """
    if recipe.architecture is None or recipe.training is None:
        raise RecipeError(
            f"recipe {recipe.id} declares no architecture and training, and its plugin brings no tinyai_train"
        )
    mlp, settings = recipe.architecture, recipe.training
    bounds = output_bounds(mlp, recipe.target_range)
    cohorts = _cohorts(table, fits, mlp)
    trained: dict[int, Parameters] = {}
    cancelled = Event()

    shares = _shares(cohorts, settings)
    taken = [0] * len(shares)
    whole = sum(len(cohort.members) * cohort.steps(settings) for cohort in cohorts)
    pieces = f"{len(fits)} fits × {settings.epochs} epochs"  # noqa: RUF001 - a product

    def train(number: int) -> dict[int, Parameters]:
        def tell(fits: int) -> None:
            taken[number] += fits

        with torch.inference_mode():
            return Stack(shares[number], mlp, settings, bounds).train(cancelled, tell)

    with _one_thread_each(), ThreadPoolExecutor(min(WORKERS, os.cpu_count() or 1)) as pool, _set_at_end(cancelled):
        for stack in [pool.submit(train, number) for number in range(len(shares))]:
            while not wait([stack], MOMENT).done:
                if progress is not None:
                    progress.advance(sum(taken), whole, pieces)
            trained.update(stack.result())
    tensors = tuple(i.tensor for i in recipe.inputs)
    scalers = {i: scaler for cohort in cohorts for i, scaler in zip(cohort.members, cohort.scalers, strict=True)}
    return [TrainedMLP(tensors, mlp, scalers[i], trained[i], bounds) for i in range(len(fits))]


def _cohorts(table: Table, fits: Sequence[Fit], mlp: MLP) -> list[Cohort]:
    largest = math.ceil(len(fits) / WORKERS)  # or else one worker might have it all
    alike: dict[tuple[int, int], list[int]] = defaultdict(list)
    for index, fit in enumerate(fits):
        alike[fit.seed, len(fit.rows)].append(index)
    return [
        _cohort(table, fits, together[k : k + largest], mlp)
        for together in alike.values()
        for k in range(0, len(together), largest)
    ]


def _cohort(table: Table, fits: Sequence[Fit], members: Sequence[int], mlp: MLP) -> Cohort:
    first = fits[members[0]]
    generator = torch.Generator().manual_seed(first.seed)
    unknown = draw_unknown(table.recipe, len(first.rows), generator)
    scalers, rows, targets = [], [], []
    for fit in (fits[i] for i in members):
        features = table.features[fit.rows]
        for one_hot, drawn in unknown:
            features = make_unknown(table.recipe, one_hot, features, drawn)
        scalers.append(_standardisation(table.recipe, fit, features))
        rows.append(scalers[-1].apply(features))
        targets.append(table.target[fit.rows].astype(np.float32))
    prepared_rows = prepared(torch.from_numpy(np.stack(rows)), mlp)
    return Cohort(tuple(members), tuple(scalers), generator, prepared_rows, torch.from_numpy(np.stack(targets)))


def _standardisation(recipe: Recipe, fit: Fit, features: NDArray[np.float64]) -> Standardisation:
    empty = np.isnan(features).all(axis=0)
    if empty.any():
        column = recipe.feature_order[empty.argmax()]
        raise TableError(f"column {column} is empty in every row that {fit.label} is trained on; a median needs values")
    return standardise(features, recipe.standardised)


def _shares(cohorts: Sequence[Cohort], settings: Training) -> list[list[Cohort]]:
    """The cohorts dealt out to the workers, about as much work to each."""
    shares: list[list[Cohort]] = [[] for _ in range(WORKERS)]
    loads = [0] * WORKERS
    for cohort in sorted(cohorts, key=lambda c: -len(c.members) * c.steps(settings)):
        lightest = loads.index(min(loads))
        shares[lightest].append(cohort)
        loads[lightest] += len(cohort.members) * cohort.steps(settings)
    return [share for share in shares if share]


@contextmanager
def _set_at_end(cancelled: Event) -> Iterator[None]:
    """However the block ends, by an interruption or a worker's error, no worker goes on: the pool waits for them."""
    try:
        yield
    finally:
        cancelled.set()


@contextmanager
def _one_thread_each() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
