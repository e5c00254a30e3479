"""What a caller gives for a column or an array, as numbers; text, moments and the like are not taken for some."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Truths, whole numbers and others; of objects it has to be seen what they are.
_NUMERIC = frozenset("biufO")


def as_numbers(values: ArrayLike, kind: type[Any] = np.float64) -> NDArray[Any]:
    """``values`` as an array of ``kind``, of whatever shape; an empty or masked cell is NaN.

    Raises TypeError or ValueError, in words, if they are no numbers.
    """
    if isinstance(values, np.ma.MaskedArray):
        values = np.ma.filled(values.astype(np.float64), np.nan)
    found = np.asarray(values)
    if found.dtype.kind not in _NUMERIC:
        raise TypeError(f"it is {found.dtype}")
    if found.dtype.kind == "O" and any(isinstance(each, str | bytes) for each in found.flat):
        raise TypeError("it has text")
    return np.asarray(values, kind)
