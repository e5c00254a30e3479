"""The JSON Schemas (2020-12) of every document of a registry, and what they say about one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from tinyai_registry.documents import strict_json
from tinyai_registry.documents.engines import Engines
from tinyai_registry.errors import DocumentError

if TYPE_CHECKING:
    from tinyai_registry.documents.violation import Violation

SchemaName = Literal[
    "registry", "row", "sidecar", "sidecar-packaged", "sidecar-runtime", "log-entry", "attestation", "table-record"
]
NAMES: tuple[SchemaName, ...] = get_args(SchemaName)


def folder() -> Path:
    """Where the schemas lie: inside the installed package, or at the top of the checkout of an editable install."""
    packaged = Path(__file__).parents[1] / "schemas"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "schemas"


def load(name: SchemaName) -> dict[str, Any]:
    """Read the schema ``name``: a JSON object that refers to no other file."""
    if name == "row":  # lies inside the registry's, so that any validator can use that one by itself
        registry = load("registry")
        return {"$schema": registry["$schema"], **registry["$defs"]["row"]}
    document: dict[str, Any] = strict_json.read(folder() / f"{name}.schema.json")
    return document


@cache
@cache
def announceable() -> frozenset[str]:
    """The keys that a sidecar has at its top only where its recipe says so, by a ``sidecar_key``."""
    properties: dict[str, Any] = load("sidecar")["properties"]
    return frozenset(key for key, said in properties.items() if said.get("$comment") == "a recipe announces it")


def violations(name: SchemaName, document: Any) -> Iterator[Violation]:
    """Each way in which ``document`` breaks the schema ``name``, in document order."""
    return engines(name).violations(document)


def require_valid(name: SchemaName, document: Any, what: str) -> None:
    """Raise DocumentError, which begins with ``what``, unless ``document`` is valid by the schema ``name``."""
    for violation in violations(name, document):
        raise DocumentError(f"{what} at {violation}")


@cache
def engines(name: SchemaName) -> Engines:
    """The engines that read the schema ``name``."""
    return Engines(load(name))
