"""What a table says of itself, written: by whoever builds or combines one."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from tinyai_registry.documents import table_record
from tinyai_registry.tables.agreement import empty_cells
from tinyai_registry.tables.manifest import Manifest
from tinyai_registry.tables.naming import name_columns
from tinyai_registry.tables.part import LogFacts
from tinyai_registry.tables.writing import Finished
from tinyai_registry.text import encodable

PACKAGES = ("numpy", "orjson", "pyarrow", "tinyai-registry")

Json = dict[str, Any]


def compose_record(
    manifest: Manifest, facts: Sequence[LogFacts], target: str | None, pools: Sequence[str], notes: Sequence[str]
) -> Json:
    """The record of a table that was built from logs: the same whoever has read them, and where."""
    columns = name_columns(facts[0].names)
    makers = {name: _only(manifest, name) for name in ("teacher_model", "extractor")}
    return {
        "schema_version": 1,
        "libvmaf": sorted({each.version for each in facts if each.version}),
        **makers,
        "target": target,
        "features": [{"column": columns[name], "name": name} for name in facts[0].names],
        "pools": list(pools),
        "subsample": facts[0].step,
        "six_decimals": all(each.is_rounded for each in facts),
        "empty_cells": {columns[name]: count for name, count in empty_cells(facts).items()},
        "rows": sum(each.rows for each in facts),
        "manifest": {"file": encodable(manifest.file), "sha256": manifest.sha256},
        "logs": [{"file": encodable(each.log), "sha256": each.sha256, "rows": each.rows} for each in facts],
        "notes": [encodable(note) for note in notes],
    }


def beside_table(record: Mapping[str, Any], table: Path, made: Finished, columns: Sequence[str], command: str) -> Json:
    """The record as it lies beside the table: with the table's own digest, and who has made it with what."""
    return {
        "record": dict(record),
        "record_sha256": table_record.digest(record),
        "table": {
            "file": encodable(table.name),
            "sha256": made.sha256,
            "bytes": made.bytes,
            "columns": list(columns),
        },
        "made": {
            "command": encodable(command),
            "time": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "python": platform.python_version(),
            "packages": {name: metadata.version(name) for name in PACKAGES},
        },
    }


def _only(manifest: Manifest, name: str) -> str | None:
    if name not in manifest.columns.column_names:
        return None
    return str(manifest.columns[name][0].as_py())
