"""Values as Arrow's arrays, by their buffers: ``pyarrow.array`` would import pandas, which takes long."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def doubles(values: Sequence[float | None] | NDArray[np.float64]) -> pa.Array:
    """``values`` ``[N]``, null where there is none, or none that is finite.

    >>> doubles(np.array([1.0, np.nan])).to_pylist()
    [1.0, None]
    """
    numbers = np.ascontiguousarray(values, np.float64)
    return pa.Array.from_buffers(pa.float64(), len(numbers), [_validity(np.isfinite(numbers)), pa.py_buffer(numbers)])


def integers(values: Sequence[int | None] | NDArray[np.int64], bits: int = 64) -> pa.Array:
    """``values`` ``[N]`` as signed integers of 32 or 64 bits, null where there is none.

    >>> integers([1, None], 32).to_pylist()
    [1, None]
    """
    kind, known = np.dtype(f"int{bits}"), np.array([value is not None for value in values], bool)
    numbers = np.array([value or 0 for value in values], kind) if not known.all() else np.asarray(values, kind)
    return pa.Array.from_buffers(pa.from_numpy_dtype(kind), len(numbers), [_validity(known), pa.py_buffer(numbers)])


def texts(values: Sequence[str | None]) -> pa.Array:
    """``values`` ``[N]``, null where there is none.

    >>> texts(["a", None, "bc"]).to_pylist()
    ['a', None, 'bc']
    """
    encoded = [(value or "").encode() for value in values]
    ends = np.cumsum([0, *map(len, encoded)]).astype(np.int32)
    known = np.array([value is not None for value in values], bool)
    buffers = [_validity(known), pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(encoded), buffers)


def _validity(known: NDArray[np.bool_]) -> pa.Buffer | None:
    return None if known.all() else pa.py_buffer(np.packbits(known, bitorder="little"))
