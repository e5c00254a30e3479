"""Training many fits of one MLP recipe together, as one stack, with the numbers of a plain PyTorch loop.

The plain loop is ``torch.manual_seed(seed)``, a ``nn.Sequential`` of ``Linear``, activation and ``Dropout``,
a ``DataLoader(shuffle=True)`` and ``AdamW``, one fit after another. It spends its time on dispatch: the
networks are tiny. Here every step advances all fits at once through batched matrix products, and each
fit still draws its random numbers from a generator of its own in the order of that loop. So the recipe does
not change by being stacked, and a fit does not depend on its neighbours.
"""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from torch.optim.adamw import adamw

from tinyai_registry.errors import RecipeError
from tinyai_registry.lab.mlp import TrainedMLP, forward
from tinyai_registry.lab.standardisation import Standardisation, standardise
from tinyai_registry.lab.table import Table
from tinyai_registry.model import Fit
from tinyai_registry.recipe import MLP, AdamW, Recipe

# Two workers of one thread each beat one worker of two threads: the tensors of a step are too small to be
# worth splitting. More workers would leave too few fits in each stack.
WORKERS = 2

# A fit's parameters are one row of a multiple of this many floats (64 bytes): vectorised kernels treat the
# last elements of a tensor otherwise than the rest, and no fit may depend on where in the stack it lies.
LANES = 16


@dataclass(frozen=True)
class Job:
    """One fit as tensors: ``rows`` ``[n, F]`` float32, standardised; ``target`` ``[n]`` float32."""

    rows: Tensor
    target: Tensor
    seed: int
    standardisation: Standardisation

    @property
    def draw_key(self) -> tuple[int, int]:
        """What decides every random draw of a fit, given the recipe: fits that agree share their draws."""
        return self.seed, len(self.rows)


@dataclass(frozen=True)
class Batch:
    """One step's draws: the rows of the batch, and a dropout mask ``[len(rows), width]`` for each hidden layer."""

    rows: Tensor
    masks: tuple[Tensor, ...]


def train_mlps(recipe: Recipe, table: Table, fits: Sequence[Fit]) -> list[TrainedMLP]:
    """One trained MLP for each fit, in order.

    Raises RecipeError if the recipe declares no MLP or no training settings.
    """
    if recipe.architecture is None or recipe.training is None:
        raise RecipeError(
            f"recipe {recipe.id} declares no architecture and training, and its plugin brings no tinyai_train"
        )
    mlp, settings = recipe.architecture, recipe.training
    jobs = [_job(table, fit) for fit in fits]
    trained: dict[int, list[Tensor]] = {}
    with _one_thread_each(), ThreadPoolExecutor(min(WORKERS, os.cpu_count() or 1)) as pool:
        shares = _shares(jobs, settings)
        stacks = pool.map(lambda share: _train_stack([jobs[i] for i in share], mlp, settings), shares)
        for share, stack in zip(shares, stacks, strict=True):
            trained.update(zip(share, stack, strict=True))
    tensors = tuple(i.tensor for i in recipe.inputs)
    return [
        TrainedMLP(
            tensors,
            mlp.activation,
            job.standardisation,
            tuple(p.numpy().copy() for p in trained[i]),
        )
        for i, job in enumerate(jobs)
    ]


def _job(table: Table, fit: Fit) -> Job:
    features = table.features[fit.rows]
    standardisation = standardise(features)
    target = torch.from_numpy(table.target[fit.rows].astype(np.float32))
    return Job(torch.from_numpy(standardisation.apply(features)), target, fit.seed, standardisation)


def _steps_per_epoch(job: Job, settings: AdamW) -> int:
    return math.ceil(len(job.rows) / settings.batch_size)


def _shares(jobs: Sequence[Job], settings: AdamW) -> list[list[int]]:
    """The jobs' indices dealt out to the workers, about as many steps to each; draws are shared within a share."""
    by_draws: dict[tuple[int, int], list[int]] = defaultdict(list)
    for index, job in enumerate(jobs):
        by_draws[job.draw_key].append(index)
    shares: list[list[int]] = [[] for _ in range(min(WORKERS, len(jobs)))]
    loads = [0] * len(shares)
    for group in sorted(by_draws.values(), key=len, reverse=True):
        lightest = loads.index(min(loads))
        shares[lightest] += group
        loads[lightest] += len(group) * _steps_per_epoch(jobs[group[0]], settings)
    return [share for share in shares if share]


@contextmanager
def _one_thread_each() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _shapes(features: int, mlp: MLP) -> list[tuple[int, int]]:
    """Of weights ``(in, out)`` and biases ``(1, out)``, in turn."""
    widths = (features, *mlp.hidden, 1)
    return [shape for fan in pairwise(widths) for shape in (fan, (1, fan[1]))]


def _initial_parameters(shapes: Sequence[tuple[int, int]], generator: torch.Generator) -> Tensor:
    """One flat row of parameters, drawn as ``nn.Linear`` draws them, padded to a multiple of ``LANES``."""
    parts = []
    for fan_in, fan_out in shapes[::2]:
        weight = torch.empty(fan_out, fan_in)
        torch.nn.init.kaiming_uniform_(weight, a=math.sqrt(5), generator=generator)
        bound = 1 / math.sqrt(fan_in)
        bias = torch.nn.init.uniform_(torch.empty(fan_out), -bound, bound, generator=generator)
        parts += [weight.T.flatten(), bias]
    return _padded(torch.cat(parts)[None])[0]


def _padded(flat: Tensor) -> Tensor:
    return torch.nn.functional.pad(flat, (0, -flat.shape[1] % LANES))


def _unflatten(flat: Tensor, shapes: Sequence[tuple[int, int]]) -> list[Tensor]:
    """Views ``[K, in, out]`` and ``[K, 1, out]`` into flat rows ``[K, P]``."""
    sizes = [math.prod(shape) for shape in shapes]
    parts = torch.split(flat[:, : sum(sizes)], sizes, dim=1)
    return [part.view(-1, *shape) for part, shape in zip(parts, shapes, strict=True)]


def _batches(rows: int, mlp: MLP, settings: AdamW, generator: torch.Generator) -> Iterator[Batch]:
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
    """K fits side by side: their parameters, the moments of AdamW, and the buffers of one step."""

    def __init__(self, jobs: Sequence[Job], mlp: MLP, settings: AdamW) -> None:
        self.jobs, self.mlp, self.settings = jobs, mlp, settings
        count, size, features = len(jobs), settings.batch_size, jobs[0].rows.shape[1]
        self.shapes = _shapes(features, mlp)
        self.rows = torch.zeros(count, size, features)
        self.target = torch.zeros(count, size)
        self.weight = torch.zeros(count, size)
        self.masks = [torch.ones(count, size, width) for width in mlp.hidden if mlp.dropout]
        self.draws: dict[tuple[int, int], Iterator[Batch]] = {}
        initial: dict[tuple[int, int], Tensor] = {}
        for job in jobs:
            if job.draw_key not in self.draws:
                generator = torch.Generator().manual_seed(job.seed)
                initial[job.draw_key] = _initial_parameters(self.shapes, generator)
                self.draws[job.draw_key] = _batches(len(job.rows), mlp, settings, generator)
        self.parameters = torch.stack([initial[job.draw_key] for job in jobs])
        self.moments = torch.zeros(2, *self.parameters.shape)
        self.done = torch.zeros(())

    def load_batches(self, running: int) -> None:
        """The next batch of each of the first ``running`` fits; rows past a short batch weigh nothing."""
        batches = {key: next(self.draws[key]) for key in {j.draw_key for j in self.jobs[:running]}}
        for k, job in enumerate(self.jobs[:running]):
            batch = batches[job.draw_key]
            size = len(batch.rows)
            torch.index_select(job.rows, 0, batch.rows, out=self.rows[k, :size])
            torch.index_select(job.target, 0, batch.rows, out=self.target[k, :size])
            self.weight[k, :size] = 1 / size
            self.weight[k, size:] = 0
            for buffer, mask in zip(self.masks, batch.masks, strict=True):
                buffer[k, :size] = mask

    def step(self, running: int) -> None:
        """One step of AdamW for the first ``running`` fits; the others are out of its reach, and so frozen."""
        flat = self.parameters[:running]
        parameters = [view.requires_grad_() for view in _unflatten(flat, self.shapes)]
        masks = [mask[:running] for mask in self.masks]
        scores = forward(self.rows[:running], parameters, self.mlp.activation, masks)
        # A sum of each fit's own mean: no gradient crosses from one fit to another.
        loss = ((scores - self.target[:running]).square() * self.weight[:running]).sum()
        gradients = torch.autograd.grad(loss, parameters)
        adamw(
            [flat],
            [_padded(torch.cat([g.flatten(1) for g in gradients], dim=1))],
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


def _train_stack(jobs: Sequence[Job], mlp: MLP, settings: AdamW) -> list[list[Tensor]]:
    """The parameters of each job, in order, after its own number of steps."""
    # Longest first, so that the fits that still run are a prefix of every stacked tensor.
    order = sorted(range(len(jobs)), key=lambda i: -_steps_per_epoch(jobs[i], settings))
    stack = _Stack([jobs[i] for i in order], mlp, settings)
    done = 0
    for running in range(len(jobs), 0, -1):
        last = settings.epochs * _steps_per_epoch(stack.jobs[running - 1], settings)
        for _ in range(done, last):
            stack.load_batches(running)
            stack.step(running)
        done = last
    trained = _unflatten(stack.parameters, stack.shapes)
    return [[p[order.index(i)] for p in trained] for i in range(len(jobs))]
