"""The row: a model's entry in ``registry.json``, small and easy to audit. Refreshed by merging, never rebuilt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# They speak of an int8 twin: of the weights that the sidecar is about, if it has them; else of old ones, withdrawn.
TWIN_KEYS = ("int8_sha256", "quant_mode")

FROM_SIDECAR = ("id", "kind", "onnx", "opset", "sha256", "notes")


def merge(row: Mapping[str, Any] | None, sidecar: Mapping[str, Any]) -> dict[str, Any]:
    """``row`` with what the release of ``sidecar`` changes; every other key survives untouched."""
    kept = {key: value for key, value in (row or {}).items() if key not in TWIN_KEYS}
    licence = {} if "license" in kept else {"license": sidecar["license"]}
    twin = {key: sidecar[key] for key in TWIN_KEYS if key in sidecar}
    return {**kept, **licence, **twin, **{key: sidecar[key] for key in FROM_SIDECAR}}


def project_row(current: Mapping[str, Any] | None, recorded: Mapping[str, Any]) -> dict[str, Any]:
    """What ``registry.json`` has to say of a row in the log: our keys as recorded, others as they are now."""
    ours = {*FROM_SIDECAR, *TWIN_KEYS}
    others = recorded if current is None else current
    kept = {key: value for key, value in others.items() if key not in ours}
    return {**kept, **{key: value for key, value in recorded.items() if key in ours}}
