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
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from threading import Event

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad
from torch.optim.adam import adam
from torch.optim.adamw import adamw

from tinyai_registry.errors import RecipeError, TableError
from tinyai_registry.evaluation import Fit
from tinyai_registry.lab.mlp import TrainedMLP, forward, output_bounds, prepared
from tinyai_registry.lab.standardisation import Standardisation, standardise
from tinyai_registry.lab.table import Table
from tinyai_registry.recipe import MLP, Adam, AdamW, Recipe, Training

# Two workers of one thread each beat one worker of two threads: the tensors of a step are too small to be
# worth splitting. More workers would leave too few fits in each stack.
WORKERS = 2

# Seconds that are waited for a worker at a time. Python handles a signal once the main thread comes back from a wait,
# and one that arrives just before a wait does not end it.
MOMENT = 0.2

UPDATES: Mapping[type[Training], Callable[..., None]] = {AdamW: adamw, Adam: adam}

# Every matrix of a fit takes a multiple of this many floats (64 bytes, a cache line and an AVX-512 register): a fit's
# row of parameters, the rows of a batch and the width of a hidden layer are padded to it. Kernels choose their way by
# the alignment of a matrix and treat the last elements of a tensor otherwise than the rest, and no fit may depend on
# where in the stack it lies.
LANES = 16


@dataclass(frozen=True)
class Cohort:
    """Fits of one seed and one number of rows. The recipe and these two decide every random draw, so they share them.

    ``members`` are their places in the list of fits; ``rows`` ``[G, n, F]`` are standardised, ``target`` is ``[G, n]``.
    """

    members: tuple[int, ...]
    seed: int
    rows: Tensor
    target: Tensor

    def steps(self, settings: Training) -> int:
        """Optimiser steps from beginning to end, the same for every member."""
        return settings.epochs * math.ceil(self.rows.shape[1] / settings.batch_size)


@dataclass(frozen=True)
class Batch:
    """One step's draws: the rows of the batch, and a dropout mask ``[len(rows), width]`` for each hidden layer."""

    rows: Tensor
    masks: tuple[Tensor, ...]


def train_mlps(recipe: Recipe, table: Table, fits: Sequence[Fit]) -> list[TrainedMLP]:
    """One trained MLP for each fit, in order.

    Raises RecipeError if the recipe declares no MLP or no training settings, TableError if a fit has no value at all of
    some feature.
    """
    if recipe.architecture is None or recipe.training is None:
        raise RecipeError(
            f"recipe {recipe.id} declares no architecture and training, and its plugin brings no tinyai_train"
        )
    mlp, settings = recipe.architecture, recipe.training
    bounds = output_bounds(mlp, recipe.target_range)
    standardisations = [_standardisation(table, fit) for fit in fits]
    cohorts = _cohorts(table, fits, standardisations, mlp)
    trained: dict[int, tuple[NDArray[np.float32], ...]] = {}
    cancelled = Event()

    def train(share: list[Cohort]) -> dict[int, tuple[NDArray[np.float32], ...]]:
        return _Stack(share, mlp, settings, bounds).train(cancelled)

    with _one_thread_each(), ThreadPoolExecutor(min(WORKERS, os.cpu_count() or 1)) as pool, _set_at_end(cancelled):
        for stack in [pool.submit(train, share) for share in _shares(cohorts, settings)]:
            while not wait([stack], MOMENT).done:
                pass
            trained.update(stack.result())
    tensors = tuple(i.tensor for i in recipe.inputs)
    return [
        TrainedMLP(tensors, mlp, standardisation, trained[i], bounds)
        for i, standardisation in enumerate(standardisations)
    ]


def _standardisation(table: Table, fit: Fit) -> Standardisation:
    features = table.features[fit.rows]
    empty = np.isnan(features).all(axis=0)
    if empty.any():
        column = table.recipe.feature_order[empty.argmax()]
        raise TableError(f"column {column} is empty in every row that {fit.label} is trained on; a median needs values")
    return standardise(features, table.recipe.standardised)


def _cohorts(table: Table, fits: Sequence[Fit], standardisations: Sequence[Standardisation], mlp: MLP) -> list[Cohort]:
    largest = math.ceil(len(fits) / WORKERS)  # or else one worker might have it all
    alike: dict[tuple[int, int], list[int]] = defaultdict(list)
    for index, fit in enumerate(fits):
        alike[fit.seed, len(fit.rows)].append(index)

    def cohort(seed: int, members: Sequence[int]) -> Cohort:
        rows = np.stack([standardisations[i].apply(table.features[fits[i].rows]) for i in members])
        target = np.stack([table.target[fits[i].rows] for i in members]).astype(np.float32)
        return Cohort(tuple(members), seed, prepared(torch.from_numpy(rows), mlp), torch.from_numpy(target))

    return [
        cohort(seed, together[k : k + largest])
        for (seed, _), together in alike.items()
        for k in range(0, len(together), largest)
    ]


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


def _shapes(features: int, mlp: MLP) -> list[tuple[int, int]]:
    """Of weights ``(in, out)`` and biases ``(1, out)``, in turn; those of a layer normalisation come first."""
    widths = (features, *mlp.hidden, 1)
    return [(1, features)] * 2 * mlp.layer_norm + [shape for fan in pairwise(widths) for shape in (fan, (1, fan[1]))]


def _initial_parameters(shapes: Sequence[tuple[int, int]], mlp: MLP, generator: torch.Generator) -> list[Tensor]:
    """Weights ``[in, out]`` and biases ``[1, out]``, drawn as ``nn.Linear`` draws them."""
    parts = [torch.ones(shapes[0]), torch.zeros(shapes[1])] if mlp.layer_norm else []
    for fan_in, fan_out in shapes[len(parts) :: 2]:
        weight = torch.empty(fan_out, fan_in)
        torch.nn.init.kaiming_uniform_(weight, a=math.sqrt(5), generator=generator)
        bound = 1 / math.sqrt(fan_in)
        bias = torch.nn.init.uniform_(torch.empty(1, fan_out), -bound, bound, generator=generator)
        parts += [weight.T, bias]
    return parts


def _flatten(parts: Sequence[Tensor], padded: Sequence[tuple[int, int]]) -> Tensor:
    """One flat row of parameters, each with zeros up to its ``padded`` shape.

    A unit of zeros gives zero through every activation and gets no gradient: it stays what it is.
    """
    filled = [
        pad(part, (0, columns - part.shape[1], 0, rows - part.shape[0])).flatten()
        for part, (rows, columns) in zip(parts, padded, strict=True)
    ]
    return _pad_row(torch.cat(filled)[None])[0]


def _pad_row(flat: Tensor) -> Tensor:
    return pad(flat, (0, _whole(flat.shape[1]) - flat.shape[1]))


def _whole(size: int) -> int:
    """``size``, rounded up to a multiple of ``LANES``."""
    return size + -size % LANES


def _unflatten(flat: Tensor, shapes: Sequence[tuple[int, int]]) -> list[Tensor]:
    """Views ``[K, in, out]`` and ``[K, 1, out]`` into flat rows ``[K, P]``."""
    sizes = [math.prod(shape) for shape in shapes]
    parts = torch.split(flat[:, : sum(sizes)], sizes, dim=1)
    return [part.view(-1, *shape) for part, shape in zip(parts, shapes, strict=True)]


def _batches(rows: int, mlp: MLP, settings: Training, generator: torch.Generator) -> Iterator[Batch]:
    """Every step of a fit on ``rows`` rows, drawn as ``DataLoader(shuffle=True)`` and ``nn.Dropout`` draw."""
    keep = 1 - mlp.dropout
    for _ in range(settings.epochs):
        _draw_seed(generator)  # the loader's, for workers that it does not have
        sampler = torch.Generator().manual_seed(_draw_seed(generator))
        permutation = torch.randperm(rows, generator=sampler)
        for chosen in torch.split(permutation, settings.batch_size):
            masks = [
                torch.empty(len(chosen), width).bernoulli_(keep, generator=generator).div_(keep)
                for width in mlp.hidden
                if mlp.dropout
            ]
            yield Batch(chosen, tuple(masks))


def _draw_seed(generator: torch.Generator) -> int:
    return int(torch.empty((), dtype=torch.int64).random_(generator=generator).item())


class _Stack:
    """Cohorts side by side, K fits in all: their parameters, the moments of Adam, the buffers of one step."""

    def __init__(
        self, cohorts: Sequence[Cohort], mlp: MLP, settings: Training, bounds: tuple[float, float] | None
    ) -> None:
        # Longest first, so that the fits that still run are a prefix of every stacked tensor.
        self.cohorts = sorted(cohorts, key=lambda c: -c.steps(settings))
        self.mlp, self.settings, self.bounds = mlp, settings, bounds
        sizes = [len(c.members) for c in self.cohorts]
        self.ends = list(accumulate(sizes))
        count, features = sum(sizes), self.cohorts[0].rows.shape[2]
        self.shapes, widths = _shapes(features, mlp), tuple(_whole(width) for width in mlp.hidden)
        self.padded = _shapes(features, replace(mlp, hidden=widths))
        if mlp.layer_norm:
            self.padded[:2] = [(1, _whole(features))] * 2
        size = _whole(settings.batch_size)
        self.rows = torch.zeros(count, size, features)
        self.target = torch.zeros(count, size)
        self.weight = torch.zeros(count, size)
        self.masks = [torch.ones(count, size, width) for width in widths if mlp.dropout]
        generators = [torch.Generator().manual_seed(c.seed) for c in self.cohorts]
        initial = [_flatten(_initial_parameters(self.shapes, mlp, g), self.padded) for g in generators]
        self.draws = [
            _batches(c.rows.shape[1], mlp, settings, generator)
            for c, generator in zip(self.cohorts, generators, strict=True)
        ]
        self.parameters = torch.stack(initial).repeat_interleave(torch.tensor(sizes), dim=0)
        self.moments = torch.zeros(2, *self.parameters.shape)
        self.done = torch.zeros(())

    def train(self, cancelled: Event) -> dict[int, tuple[NDArray[np.float32], ...]]:
        """Train every fit for its own number of steps; returns its parameters by its place in the list of fits.

        Raises CancelledError at the next step once ``cancelled`` is set.
        """
        done = 0
        for running in range(len(self.cohorts), 0, -1):
            last = self.cohorts[running - 1].steps(self.settings)
            for _ in range(done, last):
                if cancelled.is_set():
                    raise CancelledError
                self._load_batches(running)
                self._step(self.ends[running - 1])
            done = last
        whole = _unflatten(self.parameters.detach(), self.padded)
        layers = [layer[:, :rows, :columns].numpy() for layer, (rows, columns) in zip(whole, self.shapes, strict=True)]
        members = [member for cohort in self.cohorts for member in cohort.members]
        return {member: tuple(layer[k].copy() for layer in layers) for k, member in enumerate(members)}

    def _load_batches(self, running: int) -> None:
        """The next batch of each of the first ``running`` cohorts; rows past a short batch weigh nothing."""
        for cohort, draws, end in zip(self.cohorts[:running], self.draws, self.ends, strict=False):
            batch = next(draws)
            size, fits = len(batch.rows), slice(end - len(cohort.members), end)
            self.rows[fits, :size] = cohort.rows[:, batch.rows]
            self.target[fits, :size] = cohort.target[:, batch.rows]
            self.weight[fits, :size] = 1 / size
            self.weight[fits, size:] = 0
            for buffer, mask in zip(self.masks, batch.masks, strict=True):
                buffer[fits, :size, : mask.shape[1]] = mask

    def _step(self, running: int) -> None:
        """One step of the optimiser for the first ``running`` fits; the others are out of its reach, and so frozen."""
        flat = self.parameters[:running]
        parameters = [view.requires_grad_() for view in _unflatten(flat, self.padded)]
        masks = [mask[:running] for mask in self.masks]
        narrowed = [p[..., : self.rows.shape[2]] for p in parameters[: 2 * self.mlp.layer_norm]]
        used = [*narrowed, *parameters[len(narrowed) :]]
        scores = forward(self.rows[:running], used, self.mlp, self.bounds, masks)
        # A sum of each fit's own mean: no gradient crosses from one fit to another.
        loss = ((scores - self.target[:running]).square() * self.weight[:running]).sum()
        gradients = torch.autograd.grad(loss, parameters)
        UPDATES[type(self.settings)](
            [flat],
            [_pad_row(torch.cat([g.flatten(1) for g in gradients], dim=1))],
            [self.moments[0, :running]],
            [self.moments[1, :running]],
            [],
            [self.done],
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=self.settings.learning_rate,
            weight_decay=self.settings.weight_decay,
            eps=1e-8,
            maximize=False,
        )
