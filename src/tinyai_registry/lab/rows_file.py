"""Rows that a model is to score, read from a file: parquet or CSV, and of it the columns that are wanted."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tinyai_registry.documents import strict_json
from tinyai_registry.errors import TableError
from tinyai_registry.lab.parquet import open_parquet
from tinyai_registry.lab.table_file import read_file, require_ending

Columns = dict[str, NDArray[Any]]

PARQUET = b"PAR1"


def read_rows(path: Path, wanted: Iterable[str]) -> Columns:
    """Those of the ``wanted`` columns that the table at ``path`` has, each ``[N]``.

    Raises TableError for a file that is neither parquet nor CSV with a line of names.
    """
    data = read_file(path)
    table = _read_parquet(path, data, wanted) if data.startswith(PARQUET) else _read_csv(path, data, wanted)
    return {name: _as_array(table[name]) for name in table.column_names}


def write_rows(path: Path, columns: Mapping[str, Sequence[Any] | NDArray[Any]]) -> None:
    """Write ``columns``, all of one length, into ``path``: parquet, CSV or JSON (a list of objects), by its ending.

    Raises TableError for another ending, and OSError if it cannot be written.
    """
    require_ending(path)
    ending = path.suffix.lower()
    if ending == ".parquet":
        pq.write_table(pa.table(dict(columns)), path, compression="zstd")
        return
    rows = zip(*(np.asarray(values).tolist() for values in columns.values()), strict=True)
    text = io.StringIO(newline="")
    if ending == ".csv":
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
    else:
        text.write(strict_json.dumps([dict(zip(columns, row, strict=True)) for row in rows], sort_keys=False))
    path.write_text(text.getvalue(), encoding="utf-8")


def _read_parquet(path: Path, data: bytes, wanted: Iterable[str]) -> pa.Table:
    file = open_parquet(path, data)
    return file.read([name for name in dict.fromkeys(wanted) if name in file.names], text=())


def _read_csv(path: Path, data: bytes, wanted: Iterable[str]) -> pa.Table:
    try:
        table = pa_csv.read_csv(io.BytesIO(data))
        names = table.column_names
    except (pa.ArrowException, ValueError) as error:
        first = str(error).strip().split("\n")[0]
        raise TableError(f"{path} is neither parquet nor CSV with a line of column names: {first}") from error
    return table.select([name for name in dict.fromkeys(wanted) if name in names])


def _as_array(values: pa.ChunkedArray) -> NDArray[Any]:
    """``values`` without ``to_numpy``, which imports pandas. An empty cell is NaN among numbers, and None elsewhere."""
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        return np.array(values.to_pylist(), object)
    if values.null_count:
        values = values.cast(pa.float64(), safe=False).fill_null(np.nan)
    array: NDArray[Any] = np.from_dlpack(values.combine_chunks())
    return array
