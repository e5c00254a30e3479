"""A table as Croissant describes it, the vocabulary for data sets of MLCommons (version 1.0).

``croissant_context.json`` has its terms, which a document says at its beginning.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from tinyai_registry.text import encodable

CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
FILE, ROWS = "table", "rows"

# What Croissant's checker takes in an @id; it refuses blanks, and escapes of them.
_NOT_IN_ID = re.compile(r"[^0-9A-Za-z_.-]")


def beside(table: Path) -> Path:
    """Where the description of a table lies: ``features.parquet.croissant.json``."""
    return table.with_name(f"{table.name}.croissant.json")


def describe(table: Path, schema: pa.Schema, document: Mapping[str, Any]) -> dict[str, Any]:
    """The table at ``table``, beside which ``document`` lies, as a JSON-LD object."""
    name, record = encodable(table.name), document["record"]
    kinds = {field.name: field.type for field in schema}
    return {
        "@context": json.loads(Path(__file__).with_name("croissant_context.json").read_text(encoding="utf-8")),
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": encodable(table.stem),
        "description": _describe(record),
        "version": "1.0.0",
        "datePublished": document["made"]["time"],
        "citeAs": f"{name}, SHA-256 {document['table']['sha256']}",
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": FILE,
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
                "field": [_field(own, column, kinds[column]) for own, column in _ids(document["table"]["columns"])],
            }
        ],
    }


def _ids(columns: Sequence[str]) -> list[tuple[str, str]]:
    """An identifier of its own for each column, where possible its name.

    >>> _ids(["adm2", "a b", "a/b"])
    [('adm2', 'adm2'), ('a_b', 'a b'), ('a_b~2', 'a/b')]
    """
    plain = [_NOT_IN_ID.sub("_", column) for column in columns]
    counts = [plain[:place].count(each) for place, each in enumerate(plain, start=1)]
    return [(f"{each}~{n}" if n > 1 else each, column) for each, n, column in zip(plain, counts, columns, strict=True)]


def _field(own: str, column: str, kind: pa.DataType) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{ROWS}/{own}",
        "name": column,
        "dataType": _data_type(kind),
        "source": {"fileObject": {"@id": FILE}, "extract": {"column": column}},
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
