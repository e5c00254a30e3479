"""What a graph says of the values of its tensors before it is run."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import onnx
from google.protobuf.message import Message
from onnx import numpy_helper
from onnx.external_data_helper import uses_external_data

_FIRST = 64


def constants(parts: Sequence[Message]) -> tuple[list[onnx.NodeProto], dict[str, onnx.TensorProto]]:
    """The nodes among ``parts``, and by name the tensors that they are fed and that are known."""
    nodes = [each for each in parts if isinstance(each, onnx.NodeProto)]
    constants = {each.name: each for each in parts if isinstance(each, onnx.TensorProto)}
    constants |= {node.output[0]: a.t for node in nodes for a in node.attribute if a.name == "value" and node.output}
    return nodes, constants


def integers(tensor: onnx.TensorProto | None) -> list[int]:
    """The first values of ``tensor``; none if it is not there to be read."""
    if tensor is None or uses_external_data(tensor):
        return []
    with suppress(TypeError, ValueError, OverflowError):  # one that does not hold together is the checker's business
        return [int(value) for value in numpy_helper.to_array(tensor).ravel()[:_FIRST]]
    return []
