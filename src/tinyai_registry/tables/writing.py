"""Write a parquet file whole or not at all: the same rows give the same bytes, however they came."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tinyai_registry.errors import TableError

# Rows of a row group, whatever the pieces are that they come in.
GROUP_ROWS = 2**16


def write_parquet(path: Path, schema: pa.Schema, pieces: Iterable[pa.Table]) -> str:
    """Write ``pieces``, all of ``schema``, one after another into ``path``; returns the SHA-256 of the file.

    What was at ``path`` stays until the new file is whole. Raises TableError if it cannot be written.
    """
    own = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    numbers = [field.name for field in schema if pa.types.is_floating(field.type)]
    try:
        with pq.ParquetWriter(
            own,
            schema,
            compression="zstd",
            use_dictionary=[name for name in schema.names if name not in numbers],  # scores hardly repeat
        ) as writer:
            for group in _regroup(pieces):
                writer.write_table(group, row_group_size=GROUP_ROWS)
        with own.open("rb+") as file:
            os.fsync(file.fileno())
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        own.replace(path)
    except OSError as error:
        raise TableError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        own.unlink(missing_ok=True)
    return sha256


def write_text(path: Path, text: str) -> None:
    """Write ``text`` into ``path``, whole or not at all. Raises TableError if that is impossible."""
    own = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        own.write_text(text, encoding="utf-8")
        own.replace(path)
    except OSError as error:
        raise TableError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        own.unlink(missing_ok=True)


def _regroup(pieces: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The rows of ``pieces``, ``GROUP_ROWS`` at a time."""
    held: list[pa.Table] = []
    rows = 0
    for piece in pieces:
        held.append(piece)
        rows += piece.num_rows
        if rows >= GROUP_ROWS:
            together = pa.concat_tables(held)
            whole = rows - rows % GROUP_ROWS
            yield together.slice(0, whole)
            held, rows = [together.slice(whole)], rows - whole
    if rows:
        yield pa.concat_tables(held)
