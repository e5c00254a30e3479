"""Columns of a parquet file as Arrow. The footer says what it takes to read them, and is asked before anything is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tinyai_registry.errors import TableError

# What the columns that a recipe needs may take in memory. A file of a few megabytes can claim a thousand times as much.
MAX_BYTES = 2**31
CELL_BYTES = 8


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

    def read(self, columns: Sequence[str], text: Collection[str]) -> pa.Table:
        """``columns``, without what other tools have noted about them.

        A column in ``text`` that repeats its words has each of them in memory once. Raises TableError if the columns
        are damaged, or take more than ``MAX_BYTES``.
        """
        self._refuse_nested(columns)
        self._refuse_size(columns)
        repeated = [name for name in columns if name in text]
        try:
            file = pq.ParquetFile(pa.BufferReader(self.buffer), metadata=self.metadata, read_dictionary=repeated)
            # An index and types that pandas noted, perhaps wrongly, do not matter to us.
            return file.read(columns=list(columns)).replace_schema_metadata(None)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise _unreadable(self.path, error) from error

    def _refuse_nested(self, columns: Sequence[str]) -> None:
        for name in columns:
            kind = self.schema.field(name).type
            if pa.types.is_nested(kind):
                raise TableError(f"{self.path}: column {name} is {kind}, not one value for each row; flatten it")

    def _refuse_size(self, columns: Sequence[str]) -> None:
        groups = [self.metadata.row_group(k) for k in range(self.metadata.num_row_groups)]
        rows = max(self.metadata.num_rows, sum(max(group.num_rows, 0) for group in groups))
        wanted = [k for k in range(self.metadata.num_columns) if self.metadata.schema.column(k).path in columns]
        stored = sum(max(group.column(k).total_uncompressed_size, 0) for group in groups for k in wanted)
        needed = rows * len(columns) * CELL_BYTES + stored
        if needed > MAX_BYTES:
            raise TableError(
                f"{self.path} has {rows} rows; its {len(columns)} columns that are needed would take {needed} bytes, "
                f"and {MAX_BYTES} are allowed; train on a sample of the rows"
            )


def open_parquet(path: Path, data: bytes) -> ParquetColumns:
    """The parquet file ``data``, which was read from ``path``. Raises TableError if its footer cannot be read."""
    buffer = pa.py_buffer(data)
    try:
        file = pq.ParquetFile(pa.BufferReader(buffer))
        return ParquetColumns(path, buffer, file.metadata, file.schema_arrow)
    except (pa.ArrowException, OSError, ValueError) as error:  # from memory: a page that is damaged, not a disk
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> TableError:
    return TableError(f"{path} is no readable parquet file: {str(error).strip().split(chr(10))[0]}")
