"""The JSON Schemas (2020-12) of registry, row and sidecar, and what they say about a document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import jsonschema
from jsonschema.protocols import Validator
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from tinyai_registry.documents import strict_json

SchemaName = Literal["registry", "row", "sidecar"]
NAMES: tuple[SchemaName, ...] = ("registry", "row", "sidecar")


def folder() -> Path:
    """Where the schemas lie: inside the installed package, or at the top of the checkout of an editable install."""
    packaged = Path(str(resources.files("tinyai_registry"))) / "schemas"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "schemas"


def load(name: SchemaName) -> dict[str, Any]:
    """The schema ``name`` as a JSON object."""
    document: dict[str, Any] = strict_json.read(folder() / f"{name}.schema.json")
    return document


def violations(name: SchemaName, document: Any) -> Iterator[str]:
    """One line for each way in which ``document`` breaks the schema, in document order: where, then what."""
    yield from _described(_validator(name).iter_errors(document))


def _described(errors: Iterable[jsonschema.ValidationError]) -> Iterator[str]:
    for error in sorted(errors, key=lambda e: [str(part) for part in e.absolute_path]):
        pointer = "".join(f"/{part}" for part in error.absolute_path) or "/"
        yield f"{pointer}: {error.message[:300]}"


def extra_schema_name(model: str) -> str:
    """The file beside a model that describes the ``extra`` of its sidecar."""
    return f"{model}.extra.schema.json"


def extra_violations(schema: Mapping[str, Any], extra: Any) -> Iterator[str]:
    """One line for each way in which a sidecar's ``extra`` breaks the schema that its plugin published for it.

    A schema that is none is one of them. References to other documents are not followed.
    """
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
        yield from _described(_Strict(schema, registry=Registry()).iter_errors(extra))
    except jsonschema.SchemaError as error:
        yield f"the schema itself: {error.message[:300]}"
    except Unresolvable as error:
        yield f"the schema refers to {error}"


@cache
def _validator(name: SchemaName) -> Validator:
    schemas = {n: load(n) for n in NAMES}
    # Without "$schema": behind a $ref it would bring back jsonschema's own validator class, and its `$`.
    registry: Registry[Any] = Registry().with_resources(
        (schema["$id"], DRAFT202012.create_resource({k: v for k, v in schema.items() if k != "$schema"}))
        for schema in schemas.values()
    )
    validator: Validator = _Strict(schemas[name], registry=registry)
    return validator


def _anchored(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[jsonschema.ValidationError]:
    # Python's `$` also matches before a trailing newline, ECMA's, which JSON Schema means, does not.
    anchored = re.sub(r"(?<!\\)\$", r"\\Z", pattern)
    if isinstance(instance, str) and not re.search(anchored, instance):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


_Strict = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
    jsonschema.Draft202012Validator, {"pattern": _anchored}
)
