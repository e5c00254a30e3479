"""The dialects that sidecars are written in: today's, and two earlier ones that other tools wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tinyai_registry.documents.schema import SchemaName


@dataclass(frozen=True)
class Dialect:
    """A way to write a sidecar, and the schema that says which."""

    name: str
    schema: SchemaName


CURRENT = Dialect("current", "sidecar")
PACKAGED = Dialect("packaged", "sidecar-packaged")
RUNTIME = Dialect("runtime", "sidecar-runtime")

# Any of them is enough: a sidecar of ours that has lost one is a broken one, not one of another tool.
_OURS = frozenset({"schema_version", "imported_from", "artifacts", "recipe", "recipe_fingerprint", "evaluation"})
_PACKAGED = frozenset({"id", "onnx", "opset", "sha256", "input_names"})

# How to call a model, as any dialect says it: a document with two of these is a sidecar, whatever else it says.
_CALLING = frozenset({"kind", "onnx", "input_name", "input_names", "output_name", "output_names", "feature_order"})


def dialect(document: Any) -> Dialect:
    """The dialect of a sidecar, by its keys; what is no object at all is held against today's."""
    if not isinstance(document, Mapping) or document.keys() & _OURS:
        return CURRENT
    return PACKAGED if document.keys() & _PACKAGED else RUNTIME


def is_sidecar(document: Mapping[str, Any]) -> bool:
    """Whether a document that no row leads to says how to call a model."""
    return len(document.keys() & (_CALLING | _OURS | {"features"})) > 1


def is_manifest(document: Mapping[str, Any]) -> bool:
    """Whether it is another tool's list of the members of an ensemble; in ours the sidecar has that list."""
    return isinstance(document.get("members"), list) and dialect(document) != CURRENT


def is_verdict(document: Mapping[str, Any]) -> bool:
    """Whether it says that an ensemble is promoted, or held back, and by which figures."""
    return isinstance(document.get("verdict"), str) and isinstance(document.get("gate"), Mapping)
