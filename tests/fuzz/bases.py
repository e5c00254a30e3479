"""Sound registries to start from, as ``{path: bytes}``; made from the example's release, without training."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tinyai_registry.documents import card, row, strict_json
from tinyai_registry.files import sha256_of
from tinyai_registry.release import Account, Release
from tinyai_registry.store.publish import init, publish

EXAMPLE = Path(__file__).parents[2] / "examples" / "registry"
MODEL = "fr_regressor_v1"
Files = dict[str, bytes]


def plain() -> Files:
    """One model in today's dialect, and no history."""
    return {path.name: path.read_bytes() for path in EXAMPLE.iterdir() if path.is_file()}


def logged() -> Files:
    """The same, published twice through the store."""
    with tempfile.TemporaryDirectory() as name:
        root = init(Path(name) / "registry").parent
        for notes in ("first", "second"):
            release = _release({**_sidecar(), "notes": notes})
            publish(root, MODEL, lambda release=release: release, Account("2026-01-02T03:04:05Z", "Ada"))
        return {
            str(path.relative_to(root)): path.read_bytes()
            for path in root.rglob("*")
            if path.is_file() and "objects" not in path.parts
        }


def packaged() -> Files:
    """One model in the earlier dialect of packages, with an int8 twin."""
    graph, twin, old = plain()[f"{MODEL}.onnx"], _quantised(), _sidecar()
    keys = ("id", "kind", "onnx", "opset", "sha256", "input_names", "output_names", "feature_order", "onnx_has_scaler")
    sidecar = {key: old[key] for key in (*keys, "license", "notes")}
    sidecar |= {key: old[key] for key in ("feature_mean", "feature_std") if key in old}
    sidecar |= {"quant_mode": "static", "int8_sha256": sha256_of(twin)}
    quantised = {key: sidecar[key] for key in ("quant_mode", "int8_sha256")}
    return {
        **_index({**row.merge(None, sidecar), **quantised}),
        f"{MODEL}.onnx": graph,
        f"{MODEL}.int8.onnx": twin,
        f"{MODEL}.json": strict_json.dumps(sidecar).encode(),
    }


def outside() -> Files:
    """One model whose weights lie in a data file that its sidecar pins."""
    model, data = onnx.load(EXAMPLE / f"{MODEL}.onnx"), b""
    for tensor in model.graph.initializer:
        entries = {"location": f"{MODEL}.onnx.data", "offset": str(len(data)), "length": str(len(tensor.raw_data))}
        data += tensor.raw_data
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in entries.items():
            tensor.external_data.add(key=key, value=value)
    graph, sidecar = model.SerializeToString(), _sidecar()
    sidecar["sha256"] = sha256_of(graph)
    first = {**sidecar["artifacts"][0], "sha256": sha256_of(graph), "bytes": len(graph)}
    beside = {**first, "path": f"{MODEL}.onnx.data", "sha256": sha256_of(data), "bytes": len(data)}
    sidecar["artifacts"] = [first, beside]
    files = {**_release(sidecar).files, f"{MODEL}.onnx": graph, f"{MODEL}.onnx.data": data}
    return {**files, **_index(row.merge(None, sidecar))}


BASES: Mapping[str, Callable[[], Files]] = {each.__name__: cache(each) for each in (plain, logged, packaged, outside)}


def _sidecar() -> dict[str, Any]:
    return dict(strict_json.read(EXAMPLE / f"{MODEL}.json"))


def _release(sidecar: dict[str, Any]) -> Release:
    texts = {f"{MODEL}.json": strict_json.dumps(sidecar), f"{MODEL}.md": card.render(sidecar)}
    files = {f"{MODEL}.onnx": plain()[f"{MODEL}.onnx"], **{name: text.encode() for name, text in texts.items()}}
    return Release(MODEL, files, (row.merge(None, sidecar),), ())


def _index(*rows: Mapping[str, Any]) -> Files:
    return {"registry.json": strict_json.dumps({"models": list(rows), "schema_version": 1}).encode()}


def _quantised() -> bytes:
    model = onnx.load(EXAMPLE / f"{MODEL}.onnx")
    for tensor in [each for each in model.graph.initializer if len(each.dims) > 1]:
        weights = numpy_helper.to_array(tensor)
        parts = {"scale": np.float32(np.abs(weights).max() / 127), "zero_point": np.int8(0)}
        parts["quantized"] = np.round(weights / parts["scale"]).astype(np.int8)
        model.graph.initializer.remove(tensor)
        model.graph.initializer.extend(
            numpy_helper.from_array(np.asarray(value), f"{tensor.name}_{part}") for part, value in parts.items()
        )
        names = [f"{tensor.name}_{part}" for part in ("quantized", "scale", "zero_point")]
        model.graph.node.insert(0, helper.make_node("DequantizeLinear", names, [tensor.name]))
    return model.SerializeToString()
