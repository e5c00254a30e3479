"""Columns of a parquet file as Arrow, within bounds: a file of a few megabytes can claim a thousand times as much."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tinyai_registry.documents.table_record import KEY, Record, decode
from tinyai_registry.errors import TableError

# What the columns that a recipe needs may take in memory; each cell becomes a double.
MAX_BYTES = 2**31
CELL_BYTES = 8

# What such a file begins with.
PARQUET = b"PAR1"

BATCH_ROWS = 2**16

# Of a column of a row group that are in memory at a time, before they are decoded.
BUFFER_BYTES = 2**20


@dataclass(frozen=True)
class ParquetColumns:
    """A parquet file of which only the footer has been read. ``names`` are its columns, in file order."""

    path: Path
    source: pa.Buffer | Path
    metadata: pq.FileMetaData
    schema: pa.Schema

    @property
    def names(self) -> list[str]:
        """The columns, in file order."""
        names: list[str] = self.schema.names
        return names

    @property
    def record(self) -> Record | None:
        """What the table says of itself. Raises DocumentError if that makes no sense."""
        noted: Mapping[bytes, bytes] = self.metadata.metadata or {}
        return decode(noted[KEY], str(self.path)) if KEY in noted else None

    def read(self, columns: Sequence[str], text: Collection[str]) -> pa.Table:
        """``columns`` as one table. Raises what :meth:`read_each` raises."""
        return pa.table({name: whole(batches) for name, batches in self.read_each(columns, text)})

    def read_each(self, columns: Sequence[str], text: Collection[str]) -> Iterator[tuple[str, Iterator[pa.Array]]]:
        """``columns``, without what other tools have noted about them, one at a time and each in batches of rows.

        The batches of a column, of which there is one or more, are to be used up before the next column is asked for. A
        column in ``text`` that repeats its words has each of them in memory once. Raises TableError if the columns are
        damaged, or take more than ``MAX_BYTES``: by the footer, before anything is read, and then by what they are.
        """
        self._refuse_nested(columns)
        self._refuse_size(columns, self.metadata.num_rows * len(columns) * CELL_BYTES)
        repeated, taken = [name for name in columns if name in text], 0

        def batches(name: str) -> Iterator[pa.Array]:
            nonlocal taken
            if not self.metadata.num_rows:
                yield pa.array([], self.schema.field(name).type)
            with _telling_of(self.path):
                for group in range(file.num_row_groups):  # of several at once, Arrow keeps what it has read of each
                    for batch in file.iter_batches(BATCH_ROWS, [group], [name], use_threads=False):
                        taken += batch.nbytes
                        self._refuse_size(columns, taken)
                        _check_dictionaries(batch)
                        yield batch.column(0)

        with _telling_of(self.path):
            source = _as_file(self.source)
            file = pq.ParquetFile(source, metadata=self.metadata, read_dictionary=repeated, buffer_size=BUFFER_BYTES)
        yield from ((name, batches(name)) for name in columns)

    def _refuse_nested(self, columns: Sequence[str]) -> None:
        for name in columns:
            kind = self.schema.field(name).type
            if pa.types.is_nested(kind):
                raise TableError(f"{self.path}: column {name} is {kind}, not one value for each row; flatten it")

    def _refuse_size(self, columns: Sequence[str], needed: int) -> None:
        if needed > MAX_BYTES:
            raise TableError(
                f"{self.path} has {self.metadata.num_rows} rows; its {len(columns)} columns that are needed take "
                f"{needed} bytes or more, and {MAX_BYTES} are allowed; train on a sample of the rows"
            )


def open_parquet(path: Path, data: bytes | None = None) -> ParquetColumns:
    """The parquet file at ``path``, or ``data``, which was read from there.

    Raises TableError if it is none, or its footer cannot be read.
    """
    source = path if data is None else pa.py_buffer(data)
    require_parquet(path, source)
    with _telling_of(path):
        file = pq.ParquetFile(_as_file(source))
        return ParquetColumns(path, source, file.metadata, file.schema_arrow)


def require_parquet(path: Path, source: pa.Buffer | Path | None = None) -> None:
    """Raise TableError unless the file at ``path``, or the ``source`` that was read there, begins as parquet does."""
    with _telling_of(path):
        beginning = _as_file(path if source is None else source).read(len(PARQUET))
    if beginning != PARQUET:
        raise TableError(
            f"{path} is no readable parquet file, and a table is one: write it as parquet, a CSV for instance by "
            "pandas.read_csv(...).to_parquet(...)"
        )


def whole(batches: Iterable[pa.Array]) -> pa.ChunkedArray:
    """A column, all of its batches together."""
    return pa.chunked_array(list(batches))


@contextmanager
def _telling_of(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:  # a page that is damaged
        raise TableError(f"{path} is no readable parquet file: {str(error).strip().split(chr(10))[0]}") from error


def _as_file(source: pa.Buffer | Path) -> pa.NativeFile:
    return pa.OSFile(os.fsencode(source)) if isinstance(source, Path) else pa.BufferReader(source)


def _check_dictionaries(batch: pa.RecordBatch) -> None:
    """Arrow follows the numbers that stand for repeated values without a look at where they lead."""
    for column in batch.columns:
        if pa.types.is_dictionary(column.type) and column.null_count < len(column):
            bounds = pc.min_max(column.indices)
            if bounds["min"].as_py() < 0 or bounds["max"].as_py() >= len(column.dictionary):
                raise pa.ArrowInvalid("a value is not in the dictionary of its column")
