"""What can be wrong with how large a graph is, or makes what it computes with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from google.protobuf.message import Message

from tinyai_registry.checks.finding import Flaw, Rule, Severity
from tinyai_registry.onnxfile.constants import Constants
from tinyai_registry.onnxfile.inspector import Inspection
from tinyai_registry.onnxfile.onnx_messages import NodeProto, TensorProto, TypeProto
from tinyai_registry.onnxfile.protobuf import elements
from tinyai_registry.onnxfile.runtime import Runtime
from tinyai_registry.onnxfile.weights import External, Outside
from tinyai_registry.text import shorten

GIANT = Rule(
    "TAI413",
    "graph-size",
    Severity.ERROR,
    "a tensor, or a graph, is larger than anything a tiny model has",
    "A shape costs a few bytes to write and all the memory of the machine to allocate; so do a million empty nodes.",
    "Export the model with the shapes and the nodes that it needs.",
)

UNKNOWN = Rule(
    "TAI419",
    "open-size",
    Severity.WARNING,
    "how large a tensor becomes, or how long a loop takes, is only known when the model runs",
    "It is computed from values that the model is fed, or grows in a loop: no reading of the graph can tell whether it "
    "fits into memory, and ends in time.",
    "Run `tinyai validate --load`, which runs the model within bounds; or export it with sizes that follow from the "
    "shapes of its inputs.",
)

# 4 GiB of float32; a frame of 8K video has 2^25 values.
_GIANT = 2**30
# Which inputs of an operator are the shape that it fills, or how many times larger it becomes.
_SHAPE_INPUTS = {"ConstantOfShape": (0,), "Expand": (1,), "Resize": (2, 3)}
# What can be larger than all that goes in, or double it; step after step, that has no bound.
_GROWING = {*_SHAPE_INPUTS, "Pad", "Concat", "ConvTranspose", "Gather", "GatherND"}


def of_weights(outside: Outside, runtime: Runtime) -> Iterator[Flaw]:
    """Whether the weights outside a graph come to more than ``runtime`` loads."""
    size = sum(each.size for each in outside if isinstance(each, External))
    if size > runtime.max_file_bytes:
        yield Flaw(GIANT, f"the weights outside take {size} bytes; {runtime.name} loads {runtime.max_file_bytes}")


def of_parts(parts: Sequence[Message]) -> Iterator[Flaw]:
    """Whether a tensor that a model declares, or a constant makes a node fill, is a giant, by the model's messages."""
    yield from _giants((*_declared(parts), *_filled(parts)), "a tensor has")


def of_inspection(found: Inspection, parts: Sequence[Message]) -> Iterator[Flaw]:
    """Whether a tensor becomes a giant by the shapes that were inferred, or is made by a node of unknown shape."""
    shapes = [(name, [None] if dims is None else dims) for name, dims in found.shapes]
    known = ([dim for dim in dims if dim is not None] for _, dims in shapes)
    yield from _giants(known, "with open dimensions of 64, a tensor has")
    whole = {name for name, _ in shapes} - {name for name, dims in shapes if None in dims}
    nodes = [each for each in parts if isinstance(each, NodeProto)]
    unknown = [each for each in nodes if each.op_type in _GROWING and whole.isdisjoint(each.output)]
    if unknown:
        names = ", ".join(shorten(each.name or " ".join(each.output)) for each in unknown[:5])
        more = f" and {len(unknown) - 5} more" if unknown[5:] else ""
        yield Flaw(UNKNOWN, f"the size of what {names}{more} gives is only known when the model runs")


def _giants(shapes: Iterable[Sequence[int]], what: str) -> Iterator[Flaw]:
    for dims in shapes:
        if elements(map(abs, dims)) > _GIANT:
            yield Flaw(GIANT, f"{what} the shape {list(dims[:8])}, over {_GIANT} values")
            return


def _declared(parts: Sequence[Message]) -> Iterator[Sequence[int]]:
    for message in parts:
        if isinstance(message, TensorProto):
            yield message.dims
        elif isinstance(message, TypeProto.Tensor):
            yield [d.dim_value for d in message.shape.dim if d.HasField("dim_value")]


def _filled(parts: Sequence[Message]) -> Iterator[Sequence[int]]:
    """The shapes that nodes fill whose size is a constant, in subgraphs too, where shape inference does not follow."""
    known = Constants(parts)
    for node in parts:
        if isinstance(node, NodeProto):
            for at in _SHAPE_INPUTS.get(node.op_type, ()):
                yield from known.integers(node.input[at]) if at < len(node.input) else []
            if node.op_type == "Pad" and len(node.input) > 1:
                yield from ([sum(map(abs, each))] for each in known.integers(node.input[1]))
