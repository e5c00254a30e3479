"""Many fits of one recipe side by side: every step advances all of them at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, replace
from itertools import accumulate, groupby, pairwise
from threading import Event

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tinyai_registry.lab.draws import Batch, Words, initial_parameters
from tinyai_registry.lab.perceptrons import Mask, Perceptrons
from tinyai_registry.lab.training_rows import TrainingRows
from tinyai_registry.recipe import MLP, Adam, AdamW, Training

Parameters = tuple[NDArray[np.float32], ...]

# The kernels behind torch.optim, which sorts tensors of all devices and types before it calls them, at every step.
UPDATES: Mapping[type[Training], Callable[..., None]] = {AdamW: torch._fused_adamw_, Adam: torch._fused_adam_}

# Every matrix of a fit takes a multiple of this many floats (64 bytes, a cache line and an AVX-512 register): its
# parameters, the rows of a batch and the width of a hidden layer are padded to it. Kernels choose their way by
# the alignment of a matrix and treat the last elements of a tensor otherwise than the rest, and no fit may depend on
# where in the stack it lies.
LANES = 16


@dataclass(frozen=True)
class Cohort:
    """Fits of one seed and one number of rows. The recipe and these two decide every random draw, so they share them.

    ``members`` are their places in the list of fits. ``generator`` stands where the initial weights are drawn next.
    """

    members: tuple[int, ...]
    generator: torch.Generator
    rows: TrainingRows

    @property
    def count(self) -> int:
        """How many rows each has."""
        return len(self.rows.fits[0].rows)

    def steps(self, settings: Training) -> int:
        """Optimiser steps from beginning to end, the same for every member."""
        return settings.epochs * math.ceil(self.count / settings.batch_size)


@dataclass(frozen=True)
class Place:
    """Where a batch of a cohort of G fits goes: rows ``[G, b, F]``, targets ``[G, b]``, for each layer a mask."""

    rows: Tensor
    target: Tensor
    masks: Sequence[Tensor]

    @property
    def size(self) -> int:
        """How many rows of each fit."""
        return self.rows.shape[1]


class Stack:
    """Cohorts side by side, K fits in all: their parameters, the moments of Adam, the batches of one step."""

    def __init__(
        self, cohorts: Sequence[Cohort], mlp: MLP, settings: Training, bounds: tuple[float, float] | None
    ) -> None:
        # Longest first, so that the fits that still run are a prefix of every stacked tensor.
        self.cohorts = sorted(cohorts, key=lambda c: -c.steps(settings))
        self.mlp, self.settings, self.bounds = mlp, settings, bounds
        self.ends = list(accumulate(len(c.members) for c in self.cohorts))
        features = len(self.cohorts[0].rows.table.recipe.feature_order)
        count, size = self.ends[-1], _whole(settings.batch_size)
        self.shapes = _shapes(features, mlp)
        self.widened = _shapes(features, replace(mlp, hidden=tuple(map(_whole, mlp.hidden))))
        self.rows = torch.zeros(count, size, features)
        self.target = torch.zeros(count, size)
        self.weight = torch.zeros(count, size)
        self.masks = [torch.ones(len(self.cohorts), size, _whole(width)) for width in mlp.hidden if mlp.dropout]
        self.parameters, self.draws = self._begin()
        self.gradients, *self.moments = ([torch.zeros_like(each) for each in self.parameters] for _ in range(3))
        self.done = torch.zeros(())  # steps
        self.places = [self._place(number, size) for number in range(len(self.cohorts))]

    def _begin(self) -> tuple[list[Tensor], list[Iterator[Batch]]]:
        """Initial parameters, each ``[K, in, out]`` in its room, and the batches of each cohort."""
        fits, draws, begun = [], [], {}
        for cohort in self.cohorts:
            state = cohort.generator.get_state().numpy().tobytes()
            if state not in begun:
                initial = initial_parameters(self.shapes, self.mlp, cohort.generator)
                begun[state] = initial, Words(cohort.generator, self.mlp)
            initial, words = begun[state]
            fits += [initial] * len(cohort.members)
            draws.append(words.batches(cohort.count, self.mlp, self.settings))
        parameters = [torch.zeros(len(fits), *_room(shape)) for shape in self.widened]
        for parameter, parts in zip(parameters, zip(*fits, strict=True), strict=True):
            rows, columns = parts[0].shape
            parameter[:, :rows, :columns] = torch.stack(parts)
        return parameters, draws

    def train(self, cancelled: Event, tell: Callable[[int], None]) -> dict[int, Parameters]:
        """Train every fit for its own number of steps; returns its parameters by its place in the list of fits.

        At each step ``tell`` is called with how many fits took it. Raises CancelledError at the next step once
        ``cancelled`` is set.
        """
        done = 0
        for running in range(len(self.cohorts), 0, -1):
            last, end = self.cohorts[running - 1].steps(self.settings), self.ends[running - 1]
            compute_gradients, update = self._gradients(running), self._update(end)
            for _ in range(done, last):
                if cancelled.is_set():
                    raise CancelledError
                self._load_batches(running)
                compute_gradients()
                update()
                tell(end)
            done = last
        layers = [layer.numpy() for layer in _corners(self.parameters, self.shapes, self.ends[-1])]
        members = [member for cohort in self.cohorts for member in cohort.members]
        return {member: tuple(layer[k].copy() for layer in layers) for k, member in enumerate(members)}

    def _load_batches(self, running: int) -> None:
        """The next batch of each of the first ``running`` cohorts; rows past a short batch weigh nothing."""
        for number, (cohort, draws) in enumerate(zip(self.cohorts[:running], self.draws, strict=False)):
            batch = next(draws)
            if len(batch.rows) != self.places[number].size:
                self.places[number] = self._place(number, len(batch.rows))
            place = self.places[number]
            cohort.rows.take(batch.rows, place.rows, place.target)
            for out, mask in zip(place.masks, batch.masks, strict=True):
                out.copy_(mask)

    def _place(self, number: int, size: int) -> Place:
        """Where a cohort's batches of ``size`` rows go; that is what counts from here on."""
        fits = self._fits(number)
        # The slope of a mean of ``size`` squared errors is two of each, shared out.
        self.weight[fits, :size], self.weight[fits, size:] = 2 / size, 0
        masks = [mask[number, :size, :width] for mask, width in zip(self.masks, self.mlp.hidden, strict=False)]
        return Place(self.rows[fits, :size], self.target[fits, :size], masks)

    def _fits(self, number: int) -> slice:
        """Those of a cohort."""
        return slice(self.ends[number] - len(self.cohorts[number].members), self.ends[number])

    def _gradients(self, running: int) -> Callable[[], None]:
        """What computes the gradients of the first ``running`` cohorts."""
        end = self.ends[running - 1]
        parameters, gradients = (_corners(all_, self.widened, end) for all_ in (self.parameters, self.gradients))
        masks = [self._applied(layer, running) for layer in self.masks]
        networks = Perceptrons(self.mlp, self.bounds, self.rows[:end], parameters, masks, gradients)
        target, weight = self.target[:end], self.weight[:end]
        slope = torch.empty_like(target)

        def compute() -> None:
            # No gradient crosses from one fit to another: the loss is a sum of each fit's own.
            torch.sub(networks.forward(), target, out=slope)
            networks.backward(slope.mul_(weight))

        return compute

    def _applied(self, masks: Tensor, running: int) -> list[Mask]:
        """The ``masks`` of a layer, one for each cohort: it is that of all its fits.

        Cohorts of one fit each are taken together, since every operation costs.
        """
        applied = []
        for alone, group in groupby(range(running), lambda number: len(self.cohorts[number].members) == 1):
            numbers = list(group)
            for block in [numbers] if alone else [[number] for number in numbers]:
                fits = slice(self._fits(block[0]).start, self._fits(block[-1]).stop)
                applied.append(Mask(fits, masks[block[0] : block[-1] + 1]))
        return applied

    def _update(self, end: int) -> Callable[[], None]:
        """What takes one step of the optimiser for the first ``end`` fits; the others are frozen."""
        update, settings = UPDATES[type(self.settings)], self.settings
        running = [[each[:end] for each in all_] for all_ in (self.parameters, self.gradients, *self.moments)]

        def step() -> None:
            update(
                *running,
                [],
                [self.done.add_(1)] * len(self.parameters),
                amsgrad=False,
                beta1=0.9,
                beta2=0.999,
                lr=settings.learning_rate,
                weight_decay=settings.weight_decay,
                eps=1e-8,
                maximize=False,
            )

        return step


def _shapes(features: int, mlp: MLP) -> list[tuple[int, int]]:
    """Of weights ``(in, out)`` and biases ``(1, out)``, in turn; those of a layer normalisation come first."""
    widths = (features, *mlp.hidden, 1)
    return [(1, features)] * 2 * mlp.layer_norm + [shape for fan in pairwise(widths) for shape in (fan, (1, fan[1]))]


def _whole(size: int) -> int:
    """``size``, rounded up to a multiple of ``LANES``."""
    return size + -size % LANES


def _room(shape: tuple[int, int]) -> tuple[int, int]:
    """What ``shape`` takes, that every fit's matrix begins where an aligned one does."""
    rows, columns = shape
    return shape if rows * columns % LANES == 0 else (rows, _whole(columns))


def _corners(tensors: Sequence[Tensor], shapes: Sequence[tuple[int, int]], count: int) -> list[Tensor]:
    """Views of ``shapes`` in the first ``count`` of ``tensors``.

    What lies outside is zero and stays so: a unit of zeros gives zero through every activation and gets no gradient.
    """
    return [each[:count, :rows, :columns] for each, (rows, columns) in zip(tensors, shapes, strict=True)]
