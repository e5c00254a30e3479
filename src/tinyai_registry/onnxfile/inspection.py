"""Runs ONNX's checker and its shape inference on a model, in the child process of ``inspector.py``.

It loads two modules of the package ``onnx`` by their files: importing the package would import numpy, and take ten
times as long.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from importlib import util
from importlib.machinery import PathFinder
from types import ModuleType
from typing import Any

_OPEN_SIZE = 64  # stands for the dimensions that inputs leave open


def _load(name: str) -> ModuleType:
    package = PathFinder.find_spec("onnx", sys.path)
    inside = None if package is None else package.submodule_search_locations
    spec = None if inside is None else PathFinder.find_spec(name, inside)
    if spec is None or spec.loader is None:
        raise ImportError(f"onnx has no module {name}")
    module = util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


native, pb = _load("onnx_cpp2py_export"), _load("onnx_ml_pb2")


def answer(question: Sequence[bytes]) -> dict[str, Any]:
    """Return why the checker refuses a serialized model, or the name and shape of each tensor of all its graphs.

    A dimension or a shape that is not known before the model runs is None. Open dimensions of inputs count as 64.
    """
    [model] = question
    try:
        native.checker.check_model(model, True, False, False)  # full check, opsets and known domains too
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  # the native code raises what it likes
        return {"refusal": str(error), "shapes": []}
    return {"refusal": None, "shapes": list(_shapes(_infer(model)))}


def _infer(model: bytes) -> Any:
    proto = pb.ModelProto.FromString(model)
    for value in proto.graph.input:
        for dim in value.type.tensor_type.shape.dim:
            if not dim.HasField("dim_value"):
                dim.dim_value = _OPEN_SIZE
    try:
        found = native.shape_inference.infer_shapes(proto.SerializeToString(), False, False, True)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  # the model itself has passed; only our sizes do not fit it
        return proto
    return pb.ModelProto.FromString(found)


def _shapes(proto: Any) -> Iterator[tuple[str, list[int | None] | None]]:
    graphs = [proto.graph]
    while graphs:
        graph = graphs.pop()
        for value in (*graph.value_info, *graph.output):
            tensor = value.type.tensor_type
            dims = [dim.dim_value if dim.HasField("dim_value") else None for dim in tensor.shape.dim]
            yield value.name, dims if tensor.HasField("shape") else None
        for node in graph.node:
            for attribute in node.attribute:
                graphs += [attribute.g] if attribute.HasField("g") else []
                graphs += attribute.graphs
