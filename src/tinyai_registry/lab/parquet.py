"""Columns of a parquet file as Arrow, within bounds: a file of a few megabytes can claim a thousand times as much."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
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

BATCH_ROWS = 2**16


@dataclass(frozen=True)
class ParquetColumns:
    """A parquet file of which only the footer has been read. ``names`` are its columns, in file order."""

    path: Path
    buffer: pa.Buffer
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
        """``columns``, without what other tools have noted about them.

        A column in ``text`` that repeats its words has each of them in memory once. Raises TableError if the columns
        are damaged, or take more than ``MAX_BYTES``: by the footer, before anything is read, and then by what they are.
        """
        self._refuse_nested(columns)
        rows = self.metadata.num_rows
        self._refuse_size(columns, rows * len(columns) * CELL_BYTES)
        repeated = [name for name in columns if name in text]
        try:
            file = pq.ParquetFile(pa.BufferReader(self.buffer), metadata=self.metadata, read_dictionary=repeated)
            batches = list(self._bounded(file.iter_batches(BATCH_ROWS, columns=list(columns)), columns))
            if not batches:
                return self.schema.empty_table().select(columns)
            # An index and types that pandas noted, perhaps wrongly, do not matter to us.
            return pa.Table.from_batches(batches).replace_schema_metadata(None)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise _unreadable(self.path, error) from error

    def _bounded(self, batches: Iterator[pa.RecordBatch], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        taken = 0
        for batch in batches:
            taken += batch.nbytes
            self._refuse_size(columns, taken)
            _check_dictionaries(batch)
            yield batch

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


def open_parquet(path: Path, data: bytes) -> ParquetColumns:
    """The parquet file ``data``, which was read from ``path``. Raises TableError if its footer cannot be read."""
    buffer = pa.py_buffer(data)
    try:
        file = pq.ParquetFile(pa.BufferReader(buffer))
        return ParquetColumns(path, buffer, file.metadata, file.schema_arrow)
    except (pa.ArrowException, OSError, ValueError) as error:  # from memory: a page that is damaged, not a disk
        raise _unreadable(path, error) from error


def _check_dictionaries(batch: pa.RecordBatch) -> None:
    """Arrow follows the numbers that stand for repeated values without a look at where they lead."""
    for column in batch.columns:
        if pa.types.is_dictionary(column.type) and column.null_count < len(column):
            bounds = pc.min_max(column.indices)
            if bounds["min"].as_py() < 0 or bounds["max"].as_py() >= len(column.dictionary):
                raise pa.ArrowInvalid("a value is not in the dictionary of its column")


def _unreadable(path: Path, error: Exception) -> TableError:
    return TableError(f"{path} is no readable parquet file: {str(error).strip().split(chr(10))[0]}")
