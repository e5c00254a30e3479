"""What a table says of itself: which logs it was made from, by what, and what was found in them.

It stands in the parquet file, so that it cannot be lost or left behind, and in a JSON file beside it, where people and
light tools read it. Its digest goes into every release that is made from the table.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tinyai_registry.documents import url
from tinyai_registry.documents.schema import require_valid
from tinyai_registry.errors import DocumentError
from tinyai_registry.evaluation import TableOrigin
from tinyai_registry.files import FileProblemError, Problem, explain, read_bytes, sha256_of

# The key of the record in the metadata of a parquet file.
KEY = b"tinyai.table"

# A log takes a hundred and some bytes: there may be a million of them.
MAX_BYTES = 2**28

Record = Mapping[str, Any]


def encode(record: Record) -> bytes:
    """The record as it stands in the parquet file, and as its digest is taken."""
    return json.dumps(record, sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode()


def digest(record: Record) -> str:
    """The SHA-256 by which a release names the record."""
    return sha256_of(encode(record))


def beside(table: Path) -> Path:
    """Where the record of a table lies as JSON: ``features.parquet.json``."""
    return table.with_name(f"{table.name}.json")


def decode(data: bytes, where: str) -> Record:
    """The record in ``data``, the metadata of the parquet file ``where``. Raises DocumentError if it is none."""
    try:
        record = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"{where}: what it says of itself is no JSON ({error}); build it again") from error
    require_valid("table-record", record, f"{where}: what it says of itself is broken, so build it again:")
    return dict(record)


def read_beside(table: str) -> Record | None:
    """The record that lies beside ``table``, a path or URL, if there is one.

    Raises DocumentError or UrlError if it cannot be read.
    """
    where = url.without_secrets(f"{table}.json")
    try:
        data = _read_beside(table)
        record = None if data is None else json.loads(data)["record"]
    except OSError as error:
        raise DocumentError(f"{where}: {explain(error)}") from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise DocumentError(f"{where} is no record of a table; build the table again") from error
    if record is None:
        return None
    require_valid("table-record", record, f"{where}: the record is broken")
    return dict(record)


def _read_beside(table: str) -> bytes | None:
    if url.is_url(table):
        return url.read(url.beside(table, ".json"), MAX_BYTES)
    try:
        return read_bytes(beside(Path(table)), MAX_BYTES)
    except FileProblemError as error:
        if error.problem is Problem.MISSING:
            return None
        raise


def logs(record: Record) -> Iterator[Mapping[str, Any]]:
    """Every log that the table was made from, those of the tables that it was combined from included."""
    yield from record.get("logs", ())
    for part in record.get("parts", ()):
        yield from logs(part["record"] or {})


def origin(record: Record) -> TableOrigin:
    """What a release says of it."""
    return TableOrigin(digest(record), sum(1 for _ in logs(record)), tuple(record["libvmaf"]))


def extractor(record: Record) -> str | None:
    """What made the features: as it was said, or the one libvmaf that the logs name."""
    named: str | None = record["extractor"]
    return named or (f"libvmaf {record['libvmaf'][0]}" if len(record["libvmaf"]) == 1 else None)
