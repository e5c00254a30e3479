"""The imported sidecar: how to call a model that another tool registered, in today's words, and no evidence.

Nothing is invented. What the files say of themselves counts, then the row, then the old sidecar; what that says beyond
is kept word for word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tinyai_registry.documents.dialects import dialect
from tinyai_registry.documents.sidecar import SCHEMA_VERSION
from tinyai_registry.onnxfile.runtime import known_runtimes

Json = Mapping[str, Any]

_CODEC = ("codec_preset_norm", "codec_preset_value", "codec_crf_norm", "codec_crf_min", "codec_crf_max")
# What loads a twin; what it may cost stays in the row.
_TWIN = ("int8_sha256", "quant_mode")
_KEPT = ("encoder_vocab", "feature_order", "training", *_CODEC, *_TWIN)
_VECTORS = ("feature_mean", "feature_std")
# What earlier dialects call them; the C reader takes either word.
_ALIASES = {"feature_order": "features", "feature_mean": "input_mean", "feature_std": "input_std"}
_NOWHERE = object()
# The graph knows better, and that is told; any other difference from the old sidecar is kept under `legacy`.
_OF_THE_GRAPH = ("opset", "onnx_opset", "input_name", "input_names", "output_name", "output_names", "onnx_has_scaler")


@dataclass(frozen=True)
class Facts:
    """What the files of a model say of themselves.

    ``standardises`` is whether the graph scales its features; ``artifacts`` are the graph, its twin and the files that
    either reads weights from, as a sidecar lists them.
    """

    opset: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    standardises: bool
    artifacts: tuple[Json, ...]


def compose(old: Json, row: Json, facts: Facts) -> dict[str, Any]:
    """The sidecar that says today what ``old``, of an earlier dialect, said."""
    said = {**old, **{key: old[alias] for key, alias in _ALIASES.items() if key not in old and alias in old}}
    twin = {key: row[key] for key in _TWIN if key in row}
    document = {
        "schema_version": SCHEMA_VERSION,
        "imported_from": dialect(old).name,
        "name": old.get("name", row["id"]),
        "notes": old.get("notes", ""),
        **{key: said[key] for key in _KEPT if key in said},
        **{key: each[key] for key in ("license", "notes") for each in (old, row) if key in each},
        **{key: row[key] for key in ("id", "kind", "onnx", "sha256")},
        **twin,
        **calling(facts),
        **_scaling(said, facts),
    }
    legacy = _legacy(old, document)
    return {**document, "legacy": legacy} if legacy else document


def renew(old: Json, row: Json, facts: Facts | None) -> dict[str, Any]:
    """A sidecar that was imported already, with what of ``row`` and, if the graphs are others now, ``facts`` is new."""
    known = {key: row[key] for key in ("license", "sha256", *_TWIN) if key in row}
    listed = {} if facts is None else {"artifacts": [dict(each) for each in facts.artifacts]}
    return {**old, **known, **listed}


def calling(facts: Facts) -> dict[str, Any]:
    """How to call a model, by its graph."""
    return {
        "opset": facts.opset,
        "onnx_opset": facts.opset,
        "input_name": next(iter(facts.inputs), ""),
        "input_names": list(facts.inputs),
        "output_name": next(iter(facts.outputs), ""),
        "output_names": list(facts.outputs),
        "artifacts": [dict(each) for each in facts.artifacts],
    }


def _scaling(said: Json, facts: Facts) -> dict[str, Any]:
    """Who standardises: the graph, then nobody else may; the caller; or, where no vectors are told, nobody knows."""
    if facts.standardises or said.get("onnx_has_scaler") is True:
        return {"onnx_has_scaler": True}
    if any(key in said for key in _VECTORS):
        return {"onnx_has_scaler": False, **{key: said[key] for key in _VECTORS if key in said}}
    return {}


def _legacy(old: Json, document: Json) -> dict[str, Any]:
    aliases = {alias: key for key, alias in _ALIASES.items() if key not in old}
    corrected = {key for key in _OF_THE_GRAPH if key in document}
    # What is not in the document, or stands there as the row has it.
    rest = {
        key: value
        for key, value in old.items()
        if key not in corrected and document.get(aliases.get(key, key), _NOWHERE) != value
    }
    # A C reader looks for its keys at any depth.
    taken = frozenset().union(*(runtime.sidecar.words for runtime in known_runtimes()))
    return {f"was_{key}" if key in taken else key: value for key, value in rest.items()}


def corrections(old: Json, row: Json, document: Json) -> Iterator[str]:
    """One line for each thing in which ``document`` differs from what sidecar and row have said."""
    for key in _OF_THE_GRAPH:
        if key in old and key in document and old[key] != document[key]:
            yield f"{key} {_as_text(old[key])} -> {_as_text(document[key])}, as the graph has it"
    if "opset" in row and row["opset"] != document["opset"]:
        yield f"opset of the row {row['opset']} -> {document['opset']}, as the graph has it"
    kept = document.get("legacy", {})
    moved = [key for key in (*_VECTORS, "input_mean", "input_std") if f"was_{key}" in kept]
    if moved and document.get("onnx_has_scaler"):
        yield f"the graph standardises, so no caller may: {', '.join(moved)} kept under legacy"
    if "notes" in kept:
        yield "notes are those of the row; the sidecar's own kept under legacy"


def _as_text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
