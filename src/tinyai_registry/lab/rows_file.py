"""Rows that a model is to score, in a file: parquet or CSV, and of it the columns that are asked for."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tinyai_registry.documents import strict_json
from tinyai_registry.errors import TableError
from tinyai_registry.files import explain, replacing
from tinyai_registry.lab.parquet import PARQUET, open_parquet
from tinyai_registry.lab.table_file import read_file, require_ending

Array = NDArray[Any]


@dataclass(frozen=True)
class RowsFile(Mapping[str, Array]):
    """The columns of the file at ``path`` by name, each ``[N]``; one is converted when it is asked for.

    ``fetch`` gives a column with the type of its values, ``fetch_text`` the same as it is written, where that is text.
    """

    path: Path
    names: Sequence[str]
    fetch: Callable[[str], pa.ChunkedArray]
    fetch_text: Callable[[str], pa.ChunkedArray]

    def __getitem__(self, name: str) -> Array:
        """Numbers as they are, an empty cell as NaN; what else there is as objects."""
        return _as_array(self._take(name, self.fetch))

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def label(self, name: str) -> list[Any]:
        """What a row is called in column ``name``: a whole number, a number or text; None where the cell is empty."""
        values = _as_label(self._take(name, self.fetch_text))
        if values is None:
            raise TableError(f"{self.path}: column {name} is no text in UTF-8; convert it")
        return values

    def _take(self, name: str, fetch: Callable[[str], pa.ChunkedArray]) -> pa.ChunkedArray:
        if name not in self.names:
            raise KeyError(name)
        if list(self.names).count(name) > 1:
            raise TableError(f"{self.path} has two columns called {name}; drop one")
        return fetch(name)


def open_rows(path: Path) -> RowsFile:
    """The table at ``path``. Raises TableError for a file that is neither parquet nor CSV with a line of names."""
    data = read_file(path)
    if not data.startswith(PARQUET):
        return _open_csv(path, data)
    file = open_parquet(path, data)

    def fetch(name: str) -> pa.ChunkedArray:
        return file.read([name], text=()).column(0)

    return RowsFile(path, file.names, fetch, fetch)


def write_rows(path: Path, columns: Mapping[str, Sequence[Any] | Array]) -> None:
    """Write ``columns``, all of one length, into ``path``: parquet, CSV or JSON (a list of objects), by its ending.

    Raises TableError for another ending, and if it cannot be written; then what was there stays.
    """
    require_ending(path)
    try:
        with replacing(path) as own:
            _write_rows(own, path.suffix.lower(), columns)
    except OSError as error:
        raise TableError(f"cannot write {path}: {explain(error)}") from error


def _write_rows(path: Path, ending: str, columns: Mapping[str, Sequence[Any] | Array]) -> None:
    if ending == ".parquet":
        with path.open("wb") as file:
            pq.write_table(pa.table(dict(columns)), file, compression="zstd")
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


def _open_csv(path: Path, data: bytes) -> RowsFile:
    table = _read_csv(path, data, {})

    def fetch_text(name: str) -> pa.ChunkedArray:
        """As the file has it: 007 and 2026-01-01 are names."""
        return _whole_numbers(_read_csv(path, data, {name: pa.string()}, [name]).column(0))

    return RowsFile(path, table.column_names, table.column, fetch_text)


def _read_csv(
    path: Path, data: bytes, kinds: Mapping[str, pa.DataType], columns: Sequence[str] | None = None
) -> pa.Table:
    options = pa_csv.ConvertOptions(column_types=kinds, include_columns=columns)
    try:
        table = pa_csv.read_csv(io.BytesIO(data), convert_options=options)
        table.column_names  # noqa: B018 - decoded when it is asked for
    except (pa.ArrowException, ValueError) as error:
        first = str(error).strip().split("\n")[0]
        raise TableError(f"{path} is neither parquet nor CSV with a line of column names: {first}") from error
    return table


def _whole_numbers(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """``texts`` as whole numbers, if each is the one way to write one."""
    try:
        numbers = texts.cast(pa.int64())
    except pa.ArrowInvalid:
        return texts
    return numbers if numbers.cast(pa.string()).equals(texts) else texts


def _as_array(values: pa.ChunkedArray) -> Array:
    """``values`` without ``to_numpy``, which imports pandas. An empty cell is NaN among numbers, and None elsewhere."""
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        return np.array(values.to_pylist(), object)
    if values.null_count:
        values = values.cast(pa.float64(), safe=False).fill_null(np.nan)
    array: Array = np.from_dlpack(values.combine_chunks())
    return array


def _as_label(values: pa.ChunkedArray) -> list[Any] | None:
    """``values`` as JSON and CSV can have them; None for text that is no UTF-8."""
    try:
        given = values.to_pylist()
        given = [each.decode() if isinstance(each, bytes) else each for each in given]
    except UnicodeDecodeError:
        return None
    if pa.types.is_floating(values.type):
        return [each if each is not None and math.isfinite(each) else None for each in given]
    return [each if each is None or type(each) in {int, str} else str(each) for each in given]
