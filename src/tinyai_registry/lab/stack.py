"""Many fits of one recipe side by side: every step advances all of them at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
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

from tinyai_registry.lab.draws import Batch, Words, initial_parameters
from tinyai_registry.lab.perceptrons import Perceptrons
from tinyai_registry.lab.training_rows import TrainingRows
from tinyai_registry.recipe import MLP, Adam, AdamW, Training

Parameters = tuple[NDArray[np.float32], ...]

UPDATES: Mapping[type[Training], Callable[..., None]] = {AdamW: adamw, Adam: adam}

# Every matrix of a fit takes a multiple of this many floats (64 bytes, a cache line and an AVX-512 register): a fit's
# row of parameters, the rows of a batch and the width of a hidden layer are padded to it. Kernels choose their way by
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
        self.shapes, self.padded = _shapes(features, mlp), _padded(features, mlp)
        self.rows = torch.zeros(count, size, features)
        self.target = torch.zeros(count, size)
        self.weight = torch.zeros(count, size)
        self.masks = [torch.ones(count, size, _whole(width)) for width in mlp.hidden if mlp.dropout]
        self.parameters, self.draws = self._begin()
        self.gradients = torch.zeros_like(self.parameters)
        self.moments = torch.zeros(2, *self.parameters.shape)
        self.done = torch.zeros(())

    def _begin(self) -> tuple[Tensor, list[Iterator[Batch]]]:
        """Initial parameters ``[K, P]``, and the batches of each cohort."""
        rows, draws, begun = [], [], {}
        for cohort in self.cohorts:
            state = cohort.generator.get_state().numpy().tobytes()
            if state not in begun:
                initial = _flatten(initial_parameters(self.shapes, self.mlp, cohort.generator), self.padded)
                begun[state] = initial, Words(cohort.generator, self.mlp)
            initial, words = begun[state]
            rows += [initial] * len(cohort.members)
            draws.append(words.batches(cohort.count, self.mlp, self.settings))
        return torch.stack(rows), draws

    def train(self, cancelled: Event, tell: Callable[[int], None]) -> dict[int, Parameters]:
        """Train every fit for its own number of steps; returns its parameters by its place in the list of fits.

        At each step ``tell`` is called with how many fits took it. Raises CancelledError at the next step once
        ``cancelled`` is set.
        """
        done = 0
        for running in range(len(self.cohorts), 0, -1):
            last, end = self.cohorts[running - 1].steps(self.settings), self.ends[running - 1]
            compute_gradients = self._gradients(end)
            for _ in range(done, last):
                if cancelled.is_set():
                    raise CancelledError
                self._load_batches(running)
                compute_gradients()
                self._update(end)
                tell(end)
            done = last
        whole = _unflatten(self.parameters, self.padded)
        layers = [layer[:, :rows, :columns].numpy() for layer, (rows, columns) in zip(whole, self.shapes, strict=True)]
        members = [member for cohort in self.cohorts for member in cohort.members]
        return {member: tuple(layer[k].copy() for layer in layers) for k, member in enumerate(members)}

    def _load_batches(self, running: int) -> None:
        """The next batch of each of the first ``running`` cohorts; rows past a short batch weigh nothing."""
        for cohort, draws, end in zip(self.cohorts[:running], self.draws, self.ends, strict=False):
            batch = next(draws)
            size, fits = len(batch.rows), slice(end - len(cohort.members), end)
            self.rows[fits, :size], self.target[fits, :size] = cohort.rows.take(batch.rows)
            self.weight[fits, :size] = 1 / size
            self.weight[fits, size:] = 0
            for buffer, mask in zip(self.masks, batch.masks, strict=True):
                buffer[fits, :size, : mask.shape[1]] = mask

    def _gradients(self, running: int) -> Callable[[], None]:
        """What computes the gradients of the first ``running`` fits."""
        parameters = _unflatten(self.parameters[:running], self.padded)
        if self.mlp.layer_norm:
            parameters[:2] = [parameter[..., : self.rows.shape[2]] for parameter in parameters[:2]]
        masks = [mask[:running] for mask in self.masks]
        networks = Perceptrons(self.mlp, self.bounds, self.rows[:running], parameters, masks)
        target, weight = self.target[:running], self.weight[:running]
        parts, gradients = _padded_parts(networks.gradients, self.padded), self.gradients[:running]
        slope = torch.empty_like(target)

        def compute() -> None:
            # A fit's loss is the mean of its squared errors. No gradient crosses from one fit to another.
            torch.sub(networks.forward(), target, out=slope)
            networks.backward(slope.mul_(weight).mul_(2))
            torch.cat(parts, 1, out=gradients)

        return compute

    def _update(self, running: int) -> None:
        """One step of the optimiser for the first ``running`` fits; the others are out of its reach, and so frozen."""
        UPDATES[type(self.settings)](
            [self.parameters[:running]],
            [self.gradients[:running]],
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


def _shapes(features: int, mlp: MLP) -> list[tuple[int, int]]:
    """Of weights ``(in, out)`` and biases ``(1, out)``, in turn; those of a layer normalisation come first."""
    widths = (features, *mlp.hidden, 1)
    return [(1, features)] * 2 * mlp.layer_norm + [shape for fan in pairwise(widths) for shape in (fan, (1, fan[1]))]


def _padded(features: int, mlp: MLP) -> list[tuple[int, int]]:
    """The room that each of them takes."""
    shapes = _shapes(features, replace(mlp, hidden=tuple(map(_whole, mlp.hidden))))
    norms = 2 * mlp.layer_norm
    return [(1, _whole(features))] * norms + shapes[norms:]


def _whole(size: int) -> int:
    """``size``, rounded up to a multiple of ``LANES``."""
    return size + -size % LANES


def _flatten(parts: Sequence[Tensor], padded: Sequence[tuple[int, int]]) -> Tensor:
    """One flat row of parameters, each with zeros up to its ``padded`` shape.

    A unit of zeros gives zero through every activation and gets no gradient: it stays what it is.
    """
    filled = [
        pad(part, (0, columns - part.shape[1], 0, rows - part.shape[0])).flatten()
        for part, (rows, columns) in zip(parts, padded, strict=True)
    ]
    flat = torch.cat(filled)
    return pad(flat, (0, _whole(len(flat)) - len(flat)))


def _unflatten(flat: Tensor, shapes: Sequence[tuple[int, int]]) -> list[Tensor]:
    """Views ``[K, in, out]`` and ``[K, 1, out]`` into flat rows ``[K, P]``."""
    sizes = [math.prod(shape) for shape in shapes]
    parts = torch.split(flat[:, : sum(sizes)], sizes, dim=1)
    return [part.view(-1, *shape) for part, shape in zip(parts, shapes, strict=True)]


def _padded_parts(gradients: Sequence[Tensor], padded: Sequence[tuple[int, int]]) -> list[Tensor]:
    """Views of ``gradients``, and zeros, that in a row are flat rows ``[K, P]``."""
    parts = []
    for gradient, (rows, columns) in zip(gradients, padded, strict=True):
        flat = gradient.flatten(1)
        parts += [flat, flat.new_zeros(len(flat), rows * columns - flat.shape[1])]
    size = sum(part.shape[1] for part in parts)
    return [*parts, parts[0].new_zeros(len(parts[0]), _whole(size) - size)]
