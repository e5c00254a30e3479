"""Merge the row, a model's entry in ``registry.json``: keys that we do not write survive a refresh."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

# Keys about an int8 twin: taken from the sidecar if it has them, else dropped, as the twin is of old weights.
TWIN_KEYS = ("int8_sha256", "quant_accuracy_budget_plcc", "quant_calibration_set", "quant_mode", "quant_plcc_loss")

FROM_SIDECAR = ("id", "kind", "onnx", "opset", "sha256", "notes")


def is_kept(key: str, row: Mapping[str, Any] | None) -> bool:
    """Whether a release leaves the value of ``key`` as the registered ``row`` has it."""
    return row is not None and key in row and key not in (*FROM_SIDECAR, *TWIN_KEYS)


def merge(row: Mapping[str, Any] | None, sidecar: Mapping[str, Any]) -> dict[str, Any]:
    """``row`` with the keys that the release of ``sidecar`` sets; every other key stays as it is."""
    kept = {key: value for key, value in (row or {}).items() if key not in TWIN_KEYS}
    licence = {} if "license" in kept else {"license": sidecar["license"]}
    twin = {key: sidecar[key] for key in TWIN_KEYS if key in sidecar}
    return {**kept, **licence, **twin, **{key: sidecar[key] for key in FROM_SIDECAR}}


def project_row(
    current: Mapping[str, Any] | None, recorded: Mapping[str, Any], amended: Collection[str] = ()
) -> dict[str, Any]:
    """The row that ``registry.json`` must have: our keys as the log ``recorded`` them, others as they are now.

    So are those that the release has ``amended``.
    """
    ours = {*FROM_SIDECAR, *TWIN_KEYS, *amended}
    others = recorded if current is None else current
    kept = {key: value for key, value in others.items() if key not in ours}
    return {**kept, **{key: value for key, value in recorded.items() if key in ours}}
