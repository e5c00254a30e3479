"""What can be wrong with how large a graph is, or makes what it computes with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import onnx
from google.protobuf.message import Message

from tinyai_registry.checks.finding import Flaw, Rule, Severity
from tinyai_registry.onnxfile.constants import constants, integers
from tinyai_registry.onnxfile.protobuf import elements, messages
from tinyai_registry.onnxfile.runtime import Runtime
from tinyai_registry.onnxfile.weights import External, Outside

GIANT = Rule(
    "TAI413",
    "graph-size",
    Severity.ERROR,
    "a tensor, or a graph, is larger than anything a tiny model has",
    "A shape costs a few bytes to write and all the memory of the machine to allocate; so do a million empty nodes.",
    "Export the model with the shapes and the nodes that it needs.",
)

# 4 GiB of float32; a frame of 8K video has 2^25 values.
_GIANT = 2**30
# Which inputs of an operator are the shape that it fills, or how many times larger it becomes.
_SHAPE_INPUTS = {"ConstantOfShape": (0,), "Expand": (1,), "Resize": (2, 3)}


def of_weights(outside: Outside, runtime: Runtime) -> Iterator[Flaw]:
    """Whether the weights outside a graph come to more than ``runtime`` loads."""
    size = sum(each.size for each in outside if isinstance(each, External))
    if size > runtime.max_file_bytes:
        yield Flaw(GIANT, f"the weights outside take {size} bytes; {runtime.name} loads {runtime.max_file_bytes}")


def of_graph(model: onnx.ModelProto) -> Iterator[Flaw]:
    """Whether a tensor that ``model`` declares, or a constant makes a node fill, is a giant."""
    parts = list(messages(model))
    for dims in (*_declared(parts), *_filled(parts)):
        size = elements(map(abs, dims))
        if size > _GIANT:
            yield Flaw(GIANT, f"a tensor has the shape {dims[:8]}, over {_GIANT} values")
            return


def _declared(parts: Sequence[Message]) -> Iterator[list[int]]:
    for message in parts:
        if isinstance(message, onnx.TensorProto):
            yield list(message.dims)
        elif isinstance(message, onnx.TypeProto.Tensor):
            yield [d.dim_value for d in message.shape.dim if d.HasField("dim_value")]


def _filled(parts: Sequence[Message]) -> Iterator[list[int]]:
    """The shapes that nodes fill whose size is a constant, in subgraphs too, where shape inference does not follow."""
    nodes, known = constants(parts)
    for node in nodes:
        for at in _SHAPE_INPUTS.get(node.op_type, ()):
            yield integers(known.get(node.input[at])) if at < len(node.input) else []
        if node.op_type == "Pad" and len(node.input) > 1:
            yield [sum(map(abs, integers(known.get(node.input[1]))))]
