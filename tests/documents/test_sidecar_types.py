"""The types of the sidecar say what its schema says: the same keys, the same of them required, the same values."""

from __future__ import annotations

import types
import typing
from typing import Any, NotRequired

import pytest

from tinyai_registry.documents import schema, sidecar_types
from tinyai_registry.documents.sidecar_types import Sidecar, metric_of

SCHEMA = schema.load("sidecar")
# Keys that a reader never sees in a type: where the schema is, and what imported sidecars keep as it was.
UNTYPED = {"$schema"}
WORDS = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null", dict: "object"}


def resolve(node: dict) -> dict:
    found = SCHEMA
    for part in node.get("$ref", "").split("/")[1:]:
        found = found[part]
    return found if "$ref" in node else node


def differences(hint: Any, node: dict, at: str = "", within: tuple = ()) -> list[str]:
    """Where a type and a schema do not say the same; types that this one is ``within`` are compared already."""
    node = resolve(node)
    branches = typing.get_args(hint) if typing.get_origin(hint) in {types.UnionType, typing.Union} else (hint,)
    kinds = [kind_of(branch) for branch in branches]
    found = []
    if "enum" in node or "const" in node:
        known = set(node.get("enum", [node.get("const")]))
        said = {value for branch in branches for value in typing.get_args(branch) or values_of(branch)}
        return [] if said >= known and (said == known or bool in branches) else [f"{at}: {said} for {known}"]
    wanted = node["type"] if isinstance(node["type"], list) else [node["type"]]
    if sorted(kinds) != sorted(wanted):
        found.append(f"{at}: {kinds} for {wanted}")
    for branch in branches:
        if typing.is_typeddict(branch):
            found += [] if branch in within else of_object(branch, node, at, (*within, branch))
        elif typing.get_origin(branch) is list:
            found += differences(typing.get_args(branch)[0], node["items"], f"{at}[]", within)
        elif typing.get_origin(branch) is dict and isinstance(node.get("additionalProperties"), dict):
            found += differences(typing.get_args(branch)[1], node["additionalProperties"], f"{at}{{}}", within)
    return found


def values_of(branch: Any) -> tuple:
    return {type(None): (None,), bool: (True, False)}.get(branch, ())


def kind_of(branch: Any) -> str:
    if typing.is_typeddict(branch):
        return "object"
    origin = typing.get_origin(branch)
    return {"list": "array", "dict": "object"}[origin.__name__] if origin in {list, dict} else WORDS.get(branch, "")


def of_object(hint: Any, node: dict, at: str, within: tuple = ()) -> list[str]:
    hints = typing.get_type_hints(hint, vars(sidecar_types), include_extras=True)
    properties = {key: value for key, value in node["properties"].items() if key not in UNTYPED}
    found = [f"{at}: {key} is in one of the two" for key in hints.keys() ^ properties.keys()]
    optional = {key for key, inner in hints.items() if typing.get_origin(inner) is NotRequired or not hint.__total__}
    required = set(node.get("required", ()))
    found += [f"{at}: {key} is required in one of the two" for key in (hints.keys() - optional) ^ required]
    for key in hints.keys() & properties.keys():
        inner = hints[key]
        if typing.get_origin(inner) is NotRequired:
            [inner] = typing.get_args(inner)
        found += differences(inner, properties[key], f"{at}/{key}", within)
    return found


def test_the_types_say_what_the_schema_says():
    assert of_object(Sidecar, SCHEMA, "") == []


@pytest.mark.parametrize(
    ("at", "change"),
    [
        ("/opset", {"opset": {"type": "string"}}),
        ("/notes", {"notes": {"type": ["string", "null"]}}),
        ("more", {"more": {"type": "string"}}),
        ("/input_names[]", {"input_names": {"type": "array", "items": {"type": "integer"}}}),
        ("/kind", {"kind": {"enum": ["fr", "nr"]}}),
        ("time", {"provenance": {"$ref": "#/$defs/table"}}),
    ],
)
def test_a_difference_would_be_found(at, change):
    found = of_object(Sidecar, {**SCHEMA, "properties": {**SCHEMA["properties"], **change}}, "")
    assert found
    assert any(at in each for each in found)


def test_a_metric_of_a_plugin_is_read_as_a_number_and_what_is_none_is_not():
    fold = {"group": "a", "rows": 1, "plcc": 0.5, "srocc": None, "mae": 2.0}
    assert [metric_of(fold, name) for name in ("plcc", "srocc", "mae", "group", "none")] == [0.5, None, 2.0, None, None]
