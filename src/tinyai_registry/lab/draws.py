"""What a fit draws, as a plain PyTorch loop draws it: unknown values, initial weights, the order of rows, dropout.

The loop is ``torch.manual_seed(seed)``, ``nn.Linear`` after ``nn.Linear``, a ``DataLoader(shuffle=True)`` and
``nn.Dropout``: one sequence of random words for each seed. Fits of different numbers of rows read the same sequence at
different places, so its words are drawn once for all of them.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tinyai_registry.recipe import MLP, OneHot, Recipe, Training

# Words that are drawn at a time: few enough for the cache, enough for some steps.
CHUNK = 1 << 16

# `bernoulli_` takes a word for each element, and its lowest 53 bits for a number in [0, 1).
FRACTION_BITS = 53

# Words at the beginning of an epoch: the seed of the loader's workers, which there are not, and that of its sampler.
SEEDS = 2


@dataclass(frozen=True)
class Batch:
    """One step's draws: its rows, and a dropout mask ``[len(rows), width]`` for each hidden layer, 0 or 1/keep."""

    rows: Tensor
    masks: tuple[Tensor, ...]


def draw_unknown(recipe: Recipe, rows: int, generator: torch.Generator) -> list[tuple[OneHot, NDArray[np.bool_]]]:
    """Which of ``rows`` training rows become unknown, for each one-hot of which a share does.

    As ``torch.rand(rows) < unknown_share`` after ``torch.manual_seed``, before anything else is drawn.
    """
    drawn = [one for one in recipe.derived if isinstance(one, OneHot) and one.unknown_share]
    return [(one, (torch.rand(rows, generator=generator) < one.unknown_share).numpy()) for one in drawn]


def initial_parameters(shapes: Sequence[tuple[int, int]], mlp: MLP, generator: torch.Generator) -> list[Tensor]:
    """Weights ``[in, out]`` and biases ``[1, out]``, drawn as ``nn.Linear`` draws them."""
    parts = [torch.ones(shapes[0]), torch.zeros(shapes[1])] if mlp.layer_norm else []
    for fan_in, fan_out in shapes[len(parts) :: 2]:
        weight = torch.empty(fan_out, fan_in)
        torch.nn.init.kaiming_uniform_(weight, a=math.sqrt(5), generator=generator)
        bound = 1 / math.sqrt(fan_in)
        bias = torch.nn.init.uniform_(torch.empty(1, fan_out), -bound, bound, generator=generator)
        parts += [weight.T, bias]
    return parts


class Words:
    """The words that ``generator`` gives from here on, for all fits that have drawn the same before.

    It keeps what the slowest reader has still to read.
    """

    def __init__(self, generator: torch.Generator, mlp: MLP) -> None:
        self._generator, self._keep = generator, 1 - mlp.dropout
        self._readers: set[_Reader] = set()
        self._masks, self._begin = torch.empty(0), 0

    def batches(self, rows: int, mlp: MLP, settings: Training) -> Iterator[Batch]:
        """Every step of a fit on ``rows`` rows. All fits are to ask for theirs before the first step of any."""
        widths = mlp.hidden if mlp.dropout else ()
        reader = _Reader(settings.epochs, SEEDS + rows * sum(widths))
        self._readers.add(reader)
        return self._batches(reader, rows, widths, settings.batch_size)

    def _batches(self, reader: _Reader, rows: int, widths: Sequence[int], batch_size: int) -> Iterator[Batch]:
        for _ in range(reader.epochs):
            self._draw_until(reader.place + SEEDS)
            reader.place += SEEDS
            permutation = torch.randperm(rows, generator=torch.Generator().manual_seed(reader.seeds.popleft()))
            for chosen in torch.split(permutation, batch_size):
                masks = [self._mask(reader, len(chosen), width) for width in widths]
                if reader.place == reader.end:
                    self._readers.discard(reader)
                yield Batch(chosen, tuple(masks))

    def _mask(self, reader: _Reader, rows: int, width: int) -> Tensor:
        end = reader.place + rows * width
        self._draw_until(end)
        mask = self._masks[reader.place - self._begin : end - self._begin].view(rows, width)
        reader.place = end
        return mask

    def _draw_until(self, end: int) -> None:
        while (drawn := self._begin + len(self._masks)) < end:
            words = torch.empty(CHUNK, dtype=torch.int64).random_(generator=self._generator)
            for reader in self._readers:
                reader.note_seeds(drawn, words)
            kept = words.bitwise_and_((1 << FRACTION_BITS) - 1) < math.ceil(self._keep * (1 << FRACTION_BITS))
            read = min(reader.place for reader in self._readers)
            self._masks = torch.cat([self._masks[read - self._begin :], kept.float().div_(self._keep)])
            self._begin = read


class _Reader:
    """One fit's place in the words, and the words that it takes whole: the seed of each epoch's permutation."""

    def __init__(self, epochs: int, words_an_epoch: int) -> None:
        self.epochs, self.words_an_epoch = epochs, words_an_epoch
        self.place, self.end = 0, epochs * words_an_epoch
        self.seeds: deque[int] = deque()

    def note_seeds(self, begin: int, words: Tensor) -> None:
        """Keep the seeds of this fit among ``words``, the ones from place ``begin`` on."""
        sampler = SEEDS - 1
        first = -((sampler - begin) // self.words_an_epoch) * self.words_an_epoch + sampler - begin
        self.seeds.extend(words[first :: self.words_an_epoch].tolist())
