"""A table as Croissant describes it, the vocabulary for data sets of MLCommons (version 1.0).

``croissant_context.json`` has its terms, which a document says at its beginning.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tinyai_registry.text import encodable

CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
ROWS = "rows"


def beside(table: Path) -> Path:
    """Where the description of a table lies: ``features.parquet.croissant.json``."""
    return table.with_name(f"{table.name}.croissant.json")


def describe(table: Path, document: Mapping[str, Any]) -> dict[str, Any]:
    """The table at ``table``, of which ``document`` lies beside it, as a JSON-LD object."""
    name, record = encodable(table.name), document["record"]
    kinds = {field.name: field.type for field in pq.read_schema(table)}
    return {
        "@context": json.loads(Path(__file__).with_name("croissant_context.json").read_text(encoding="utf-8")),
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": table.stem,
        "description": _describe(record),
        "version": "1.0.0",
        "datePublished": document["made"]["time"],
        "citeAs": f"{name}, SHA-256 {document['table']['sha256']}",
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": name,
                "name": name,
                "contentUrl": name,
                "contentSize": f"{document['table']['bytes']} B",
                "encodingFormat": "application/x-parquet",
                "sha256": document["table"]["sha256"],
            }
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": ROWS,
                "name": ROWS,
                "field": [_field(name, column, kinds[column]) for column in document["table"]["columns"]],
            }
        ],
    }


def _field(file: str, column: str, kind: pa.DataType) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{ROWS}/{column}",
        "name": column,
        "dataType": _data_type(kind),
        "source": {"fileObject": {"@id": file}, "extract": {"column": column}},
    }


def _data_type(kind: pa.DataType) -> str:
    if pa.types.is_integer(kind):
        return "sc:Integer"
    return "sc:Float" if pa.types.is_floating(kind) else "sc:Text"


def _describe(record: Mapping[str, Any]) -> str:
    whose = f" by libvmaf {', '.join(record['libvmaf'])}" if record["libvmaf"] else ""
    each = f"clip ({', '.join(record['pools'])})" if record["pools"] else "frame"
    teacher = f"; the target is that of {record['teacher_model']}" if record["teacher_model"] else ""
    return f"Scores{whose} of {len(record['logs'])} encodes, a row for each {each}{teacher}."
