"""What a table says of itself: which logs it was made from, by what, and what was found in them.

It stands in the parquet file, so that it cannot be lost or left behind, and in a JSON file beside it, where people and
light tools read it. Its digest goes into every release that is made from the table.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyai_registry.files import sha256_of

# The key of the record in the metadata of a parquet file.
KEY = b"tinyai.table"

# A log takes a hundred and some bytes: there may be a million of them.
MAX_BYTES = 2**28


def encode(record: Mapping[str, Any]) -> bytes:
    """The record as it stands in the parquet file, and as its digest is taken."""
    return json.dumps(record, sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode()


def digest(record: Mapping[str, Any]) -> str:
    """The SHA-256 by which a release names the record."""
    return sha256_of(encode(record))


def beside(table: Path) -> Path:
    """Where the record of a table lies as JSON: ``features.parquet.json``."""
    return table.with_name(f"{table.name}.json")
