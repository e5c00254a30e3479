"""Training many fits of one MLP recipe together, as one stack, with the numbers of a plain PyTorch loop.

The plain loop is ``torch.manual_seed(seed)``, a ``nn.Sequential`` of ``Linear``, activation and ``Dropout``,
a ``DataLoader(shuffle=True)`` and ``AdamW`` (or ``Adam``), one fit after another. It spends its time on dispatch: the
networks are tiny. Here every step advances all fits at once through batched matrix products, and each
fit still draws its random numbers from a generator of its own in the order of that loop. So the recipe does
not change by being stacked, and a fit does not depend on its neighbours.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import accumulate
from threading import Event

import torch

from tinyai_registry.errors import RecipeError
from tinyai_registry.evaluation import Fit
from tinyai_registry.evaluation.progress import Progress
from tinyai_registry.lab.draws import draw_unknown
from tinyai_registry.lab.mlp import TrainedMLP, output_bounds
from tinyai_registry.lab.processor import threads
from tinyai_registry.lab.stack import Cohort, Stack
from tinyai_registry.lab.table import Table
from tinyai_registry.lab.training_rows import few_enough, training_rows
from tinyai_registry.recipe import MLP, Recipe, Training

# Bytes of the widest tensor of a step: with what is made from it, it lies in the second-level cache of a core (1 MiB on
# most servers), and passes that follow each other find it there. A larger stack takes a fifth more time for each fit, a
# much smaller one as much: every operation is begun anew.
WIDEST = 1 << 19

# Workers of one thread each beat one worker of several threads: the tensors of a step are too small to be worth
# splitting. Where more than these would leave too few fits in each stack, there are no more.
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
    settings = recipe.training
    room = _room(recipe.architecture, settings)
    workers = min(torch.get_num_threads(), max(WORKERS, len(fits) // room))
    parts = _cut(fits, settings, workers, room)
    taken = [0] * len(parts)
    whole = sum(_steps(fit, settings) for fit in fits)
    trained: dict[int, TrainedMLP] = {}
    cancelled = Event()

    pieces = f"{len(fits)} fits × {settings.epochs} epochs"  # noqa: RUF001 - a product

    def train(number: int) -> dict[int, TrainedMLP]:
        def tell(fits: int) -> None:
            taken[number] += fits

        return _train(table, recipe, {i: fits[i] for i in parts[number]}, cancelled, tell)

    with threads(1), ThreadPoolExecutor(workers) as pool, _set_at_end(cancelled):
        for part in [pool.submit(train, number) for number in range(len(parts))]:
            while not wait([part], MOMENT).done:
                if progress is not None:
                    progress.advance(sum(taken), whole, pieces)
            trained.update(part.result())
    return [trained[i] for i in range(len(fits))]


def _room(mlp: MLP, settings: Training) -> int:
    """How many fits of a stack the cache has room for."""
    return max(1, WIDEST // (4 * settings.batch_size * max(mlp.hidden)))


def _cut(fits: Sequence[Fit], settings: Training, workers: int, room: int) -> list[list[int]]:
    """The places of ``fits`` in parts of at most ``room`` fits, or so: equally many for each worker, of equal work.

    Fits that draw the same stand together, those that take as many steps too.
    """
    order = sorted(range(len(fits)), key=lambda i: (fits[i].seed, -len(fits[i].rows)))
    work = [_steps(fits[i], settings) for i in order]
    count = min(len(fits), workers * math.ceil(len(fits) / (room * workers)))
    parts: list[list[int]] = [[] for _ in range(count)]
    for i, own, end in zip(order, work, accumulate(work), strict=True):
        parts[(2 * end - own) * count // (2 * sum(work))].append(i)
    return [part for part in parts if part]


def _steps(fit: Fit, settings: Training) -> int:
    return settings.epochs * math.ceil(len(fit.rows) / settings.batch_size)


def _train(
    table: Table, recipe: Recipe, fits: Mapping[int, Fit], cancelled: Event, tell: Callable[[int], None]
) -> dict[int, TrainedMLP]:
    """``fits`` by their places, trained as one stack. The arguments are those of :meth:`Stack.train`."""
    mlp, settings = recipe.architecture, recipe.training
    assert mlp is not None  # noqa: S101 - whoever calls has seen to it
    assert settings is not None  # noqa: S101
    bounds = output_bounds(mlp, recipe.target_range)
    alike: dict[tuple[int, int], dict[int, Fit]] = defaultdict(dict)
    for place, fit in fits.items():
        alike[fit.seed, len(fit.rows)][place] = fit
    keep = few_enough(tuple(fits.values()), len(recipe.feature_order))
    cohorts = [_cohort(table, members, mlp, keep=keep) for members in alike.values()]
    with torch.inference_mode():
        found = Stack(cohorts, mlp, settings, bounds).train(cancelled, tell)
    tensors = tuple(i.tensor for i in recipe.inputs)
    scalers = {i: scaler for cohort in cohorts for i, scaler in zip(cohort.members, cohort.rows.scalers, strict=True)}
    return {i: TrainedMLP(tensors, mlp, scalers[i], parameters, bounds) for i, parameters in found.items()}


def _cohort(table: Table, members: Mapping[int, Fit], mlp: MLP, *, keep: bool) -> Cohort:
    first, *_ = fits = tuple(members.values())
    generator = torch.Generator().manual_seed(first.seed)
    unknown = draw_unknown(table.recipe, len(first.rows), generator)
    return Cohort(tuple(members), generator, training_rows(table, fits, unknown, mlp, keep=keep))


@contextmanager
def _set_at_end(cancelled: Event) -> Iterator[None]:
    """However the block ends, by an interruption or a worker's error, no worker goes on: the pool waits for them."""
    try:
        yield
    finally:
        cancelled.set()
