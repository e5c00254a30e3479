"""Write ``docs/sidecar.md`` from its schema: ``python -m tinyai_registry.documents.sidecar_page > docs/sidecar.md``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from tinyai_registry.documents import schema
from tinyai_registry.text import markdown_cell, markdown_code, markdown_prose

INTRODUCTION = """\
# The sidecar

`<stem>.json` beside `<stem>.onnx` says how to call the model, what it was trained on, and how it was judged. It is
[strict JSON](adr/0007-json-schema-and-strict-json.md) with sorted keys. `tinyai schema sidecar` prints the schema that
this page is made from: with it, a validator in any language checks a sidecar. Readers skip keys that they do not know.

<!-- Made from schemas/sidecar.schema.json by `make docs`. -->
"""
HEADER = "| key | type | is |\n|---|---|---|"
SHARED = "#/$defs/"

Schema = Mapping[str, Any]


def page(document: Schema) -> str:
    """The keys at top level, those of every file first; then a section for each object that has a name."""
    shared, keys, required = document["$defs"], document["properties"], set(document["required"])
    parts = {
        "In every sidecar": {"properties": {key: said for key, said in keys.items() if key in required}},
        "Where it applies": {"properties": {key: said for key, said in keys.items() if key not in required}},
        **{_words(name).capitalize(): said for name, said in sorted(shared.items())},
    }
    return "\n".join((INTRODUCTION, *(_section(heading, said, shared) for heading, said in parts.items())))


def _section(heading: str, said: Schema, shared: Schema) -> str:
    lead = f"{markdown_prose(said['description'])}\n\n" if "description" in said else ""
    return f"## {heading}\n\n{lead}" + "\n".join((HEADER, *_rows(said, shared))) + "\n"


def _rows(said: Schema, shared: Schema, inside: str = "") -> Iterator[str]:
    """A row for each key of an object; those of an object that has no name of its own follow its key, behind a dot."""
    keys: dict[str, Schema] = said.get("properties", {})
    required = said.get("required", keys)
    for key, value in sorted(keys.items()):
        kind = _kind(value) if key in required else f"{_kind(value)}, optional"
        words = value.get("description") or shared[value["$ref"].removeprefix(SHARED)]["description"]
        yield "| " + " | ".join(map(markdown_cell, (markdown_code(inside + key), kind, markdown_prose(words)))) + " |"
        nested = value.get("items", value)
        yield from _rows(nested, shared, f"{inside}{key}{'[]' if 'items' in value else ''}.")


def _kind(value: Schema) -> str:
    """What a value may be, in words: its type, its few values, or a link to the section that tells."""
    match value:
        case {"$ref": target}:
            words = _words(target.removeprefix(SHARED))
            return f"[{words}](#{words.replace(' ', '-')})"
        case {"const": only}:
            return markdown_code(json.dumps(only))
        case {"enum": few}:
            return " or ".join(markdown_code(each if isinstance(each, str) else json.dumps(each)) for each in few)
        case {"items": each}:
            return f"list of {_kind(each)}{' or null' if 'null' in value['type'] else ''}"
        case {"type": str(name)}:
            return name
        case {"type": names}:
            return " or ".join(names)
    raise NotImplementedError(f"no words for {sorted(value)}")


def _words(name: str) -> str:
    return name.replace("_", " ")


if __name__ == "__main__":
    sys.stdout.write(page(schema.load("sidecar")))
