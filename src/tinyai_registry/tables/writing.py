"""Write a parquet file whole or not at all: the same rows give the same bytes, however they came."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tinyai_registry.errors import TableError
from tinyai_registry.files import explain, replacing

# Rows of a row group, whatever the pieces are that they come in.
GROUP_ROWS = 2**16


@dataclass(frozen=True)
class Finished:
    """What a table is that was written: the SHA-256 of its bytes, and how many they are."""

    sha256: str
    bytes: int


class TableWriter:
    """A parquet file for ``path`` that comes to be a piece at a time.

    ``own`` says where it and the files beside it are written.
    """

    def __init__(self, path: Path, own: Mapping[Path, Path]) -> None:
        self.path, self._own = path, own
        self._file: pq.ParquetWriter | None = None
        self._sink: pa.NativeFile | None = None
        self._held: list[pa.Table] = []
        self._rows = 0

    @property
    def schema(self) -> pa.Schema:
        """Of what was written."""
        return pa.schema([]) if self._file is None else self._file.schema

    def write(self, piece: pa.Table) -> None:
        """Append the rows of ``piece``, which has the columns of the first one. Raises TableError."""
        self._held.append(piece)
        self._rows += piece.num_rows
        if self._rows >= GROUP_ROWS:
            together = pa.concat_tables(self._held)
            whole = self._rows - self._rows % GROUP_ROWS
            self._append(together.slice(0, whole))
            self._held, self._rows = [together.slice(whole)], self._rows - whole

    def finish(self, metadata: Mapping[bytes, bytes]) -> Finished:
        """Complete the file, of which a piece at least was written. Raises TableError."""
        file = self._append(pa.concat_tables(self._held))
        with _telling_of(self.path):
            file.add_key_value_metadata(metadata)
            self.close()
            with self._own[self.path].open("rb+") as written:
                os.fsync(written.fileno())
                return Finished(hashlib.file_digest(written, "sha256").hexdigest(), written.tell())

    def write_beside(self, path: Path, text: str) -> None:
        """Write the ``text`` of a file that takes its place together with the table. Raises TableError."""
        with _telling_of(path):
            self._own[path].write_text(text, encoding="utf-8")

    def _append(self, rows: pa.Table) -> pq.ParquetWriter:
        with _telling_of(self.path):
            self._sink = self._sink or pa.OSFile(os.fsencode(self._own[self.path]), "wb")
            self._file = self._file or _open(self._sink, rows.schema)
            if rows.num_rows:
                self._file.write_table(rows, row_group_size=GROUP_ROWS)
        return self._file

    def close(self) -> None:
        """Write nothing more. Raises OSError, where writing has failed once more."""
        if self._file is not None and self._file.is_open:
            try:
                self._file.close()
            finally:
                self._file.is_open = False  # or it would try again when it is collected, and write of that
        if self._sink is not None:
            self._sink.close()


@contextmanager
def writing(path: Path, *beside: Path) -> Iterator[TableWriter]:
    """A table for ``path``, and files ``beside`` it.

    They take their places once all of them are written. What was there stays until then; of a table that is not
    finished, nothing is left. Raises TableError.
    """
    with ExitStack() as places:
        writer = TableWriter(path, {each: places.enter_context(replacing(each)) for each in (path, *beside)})
        try:
            yield writer
        finally:
            with suppress(OSError):
                writer.close()
        with _telling_of(path):
            places.close()


def require_place(paths: Sequence[Path], inputs: Iterable[str]) -> None:
    """Raise TableError if a file at one of ``paths`` would take the place of one of ``inputs``, or of no regular file.

    ``inputs`` are real paths.
    """
    read = set(inputs)
    for path in paths:
        if os.path.lexists(path) and not path.is_file():
            raise TableError(f"cannot write {path}: what is there is no regular file; name another with --output")
        if os.path.realpath(path) in read:
            raise TableError(f"cannot write {path}: the table is made from it; name another with --output")


def _open(sink: pa.NativeFile, schema: pa.Schema) -> pq.ParquetWriter:
    numbers = [field.name for field in schema if pa.types.is_floating(field.type)]
    repeated = [name for name in schema.names if name not in numbers]  # scores hardly repeat
    return pq.ParquetWriter(sink, schema, compression="zstd", use_dictionary=repeated)


@contextmanager
def _telling_of(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TableError(f"cannot write {path}: {explain(error)}") from error
