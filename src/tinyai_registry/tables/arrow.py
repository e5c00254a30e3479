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
    kind = np.dtype(f"int{bits}")
    if isinstance(values, np.ndarray):
        known, numbers = np.ones(len(values), bool), np.ascontiguousarray(values, kind)
    else:
        known = np.array([value is not None for value in values], bool)
        numbers = np.array([value or 0 for value in values], kind)
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


def repeat(array: pa.Array, counts: NDArray[np.int64]) -> pa.Array:
    """Each value of ``array``, which one of the above has made, so many times: ``take`` would import pyarrow.compute.

    Of text the result holds less than 2 GiB.

    >>> repeat(texts(["a", None]), np.array([2, 1])).to_pylist()
    ['a', 'a', None]
    """
    values = array.to_pylist()
    known = _validity(np.repeat([value is not None for value in values], counts))
    if pa.types.is_string(array.type):
        encoded = [(value or "").encode() for value in values]
        ends = np.concatenate([[0], np.cumsum(np.repeat([len(each) for each in encoded], counts))]).astype(np.int32)
        joined = b"".join(each * int(count) for each, count in zip(encoded, counts, strict=True))
        return pa.Array.from_buffers(array.type, len(ends) - 1, [known, pa.py_buffer(ends), pa.py_buffer(joined)])
    numbers = np.repeat(np.array([value or 0 for value in values], array.type.to_pandas_dtype()), counts)
    return pa.Array.from_buffers(array.type, len(numbers), [known, pa.py_buffer(numbers)])


def _validity(known: NDArray[np.bool_]) -> pa.Buffer | None:
    return None if known.all() else pa.py_buffer(np.packbits(known, bitorder="little"))
