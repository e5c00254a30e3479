"""Looking at the sidecars of many models, to show what they say: quick, and judging nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinyai_registry.documents import strict_json
from tinyai_registry.errors import DocumentError
from tinyai_registry.files import Folder, Problem, Unreadable

NOTHING: Mapping[str, Any] = {}


def glance_sidecar(folder: Folder, row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The sidecar of the model of ``row``; empty where there is none.

    Raises DocumentError for one that cannot be read, or is no JSON object.
    """
    name = f"{str(row.get('onnx')).removesuffix('.onnx')}.json"
    file = folder.fetch(name, strict_json.MAX_BYTES)
    if isinstance(file, Unreadable):
        if file.problem is Problem.MISSING:
            return NOTHING
        raise DocumentError(f"{name} {file.what}")
    document = strict_json.glance(file.data, name)
    if not isinstance(document, dict):
        raise DocumentError(f"{name} is no JSON object")
    return document
