"""Numbers of numpy as Arrow's, by their buffers: ``pyarrow.array`` would import pandas, which takes long."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def doubles(values: NDArray[np.float64]) -> pa.Array:
    """``values`` ``[N]``, null where they are NaN.

    >>> doubles(np.array([1.0, np.nan])).to_pylist()
    [1.0, None]
    """
    known = np.isfinite(values)
    validity = None if known.all() else pa.py_buffer(np.packbits(known, bitorder="little"))
    return pa.Array.from_buffers(pa.float64(), len(values), [validity, pa.py_buffer(np.ascontiguousarray(values))])


def integers(values: Sequence[int] | NDArray[np.int64], bits: int) -> pa.Array:
    """``values`` ``[N]`` as signed integers of 32 or 64 bits.

    >>> integers([1, 2], 32).type
    DataType(int32)
    """
    numbers = np.asarray(values, np.dtype(f"int{bits}"))
    return pa.Array.from_buffers(getattr(pa, f"int{bits}")(), len(numbers), [None, pa.py_buffer(numbers)])
