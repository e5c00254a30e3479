"""A column of millions of rows, a block at a time: what is computed on the way is small."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

ROWS = 2**16

Column = NDArray[np.floating]


def blocks(rows: int) -> Iterator[slice]:
    """``rows`` rows, cut into blocks."""
    return (slice(start, start + ROWS) for start in range(0, rows, ROWS))


def find(column: Column, which: Callable[[Column], NDArray[np.bool_]]) -> tuple[int, int]:
    """How many elements ``which`` holds of, and the place of the first; 0 and 0 where there is none."""
    count = first = 0
    for block in blocks(len(column)):
        mask = which(column[block])
        if not count:
            first = block.start + int(mask.argmax())
        count += int(np.count_nonzero(mask))
    return count, first if count else 0


def mean_and_std(column: Column, fill: float = math.nan) -> tuple[float, float]:
    """Mean and standard deviation (ddof 0), the very bits of ``numpy``, with ``fill`` in place of each NaN."""

    def filled(block: Column) -> Column:
        return np.where(np.isnan(block), fill, block)

    mean = _add_up(column, filled) / len(column)
    return mean, math.sqrt(_add_up(column, lambda block: np.square(filled(block) - mean)) / len(column))


def _add_up(column: Column, of: Callable[[Column], Column]) -> float:
    """The sum of ``of(column)``, half and half, as ``numpy`` adds up (pairwise summation, by multiples of eight)."""
    if len(column) <= ROWS:
        return float(np.add.reduce(of(column)))
    half = len(column) // 2
    half -= half % 8
    return _add_up(column[:half], of) + _add_up(column[half:], of)
