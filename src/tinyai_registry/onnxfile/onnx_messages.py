"""ONNX's message classes, without the package ``onnx`` around them.

Importing the package imports numpy too, and takes as long as reading two dozen models. Its module of messages is loaded
by its file, under its own name: whoever imports the package later gets the same classes.
"""

from __future__ import annotations

import sys
from importlib import util
from importlib.machinery import PathFinder
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import (
        AttributeProto,
        GraphProto,
        ModelProto,
        NodeProto,
        SparseTensorProto,
        StringStringEntryProto,
        TensorProto,
        TypeProto,
        ValueInfoProto,
    )

__all__ = [
    "AttributeProto",
    "GraphProto",
    "ModelProto",
    "NodeProto",
    "SparseTensorProto",
    "StringStringEntryProto",
    "TensorProto",
    "TypeProto",
    "ValueInfoProto",
    "is_outside",
]

_NAME = "onnx.onnx_ml_pb2"


def _load() -> ModuleType:
    if _NAME in sys.modules:
        return sys.modules[_NAME]
    package = PathFinder.find_spec("onnx")
    inside = None if package is None else package.submodule_search_locations
    spec = None if inside is None else PathFinder.find_spec(_NAME, inside)
    if spec is None or spec.loader is None:
        raise ImportError(f"there is no module {_NAME}")
    module = util.module_from_spec(spec)
    sys.modules[_NAME] = module
    spec.loader.exec_module(module)
    return module


def is_outside(tensor: TensorProto) -> bool:
    """Whether the values of ``tensor`` lie in another file."""
    return tensor.HasField("data_location") and tensor.data_location == TensorProto.EXTERNAL


if not TYPE_CHECKING:
    globals().update({name: getattr(_load(), name) for name in __all__ if name.endswith("Proto")})
