"""What can be wrong with an ONNX graph: read back from the bytes that ship, held against the target runtime."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import onnx
from google.protobuf.message import DecodeError
from onnx.external_data_helper import uses_external_data

from tinyai_registry.checks.runtime import Runtime

# An absolute path, or a Python traceback's line: an exporter's notes about the machine that it ran on.
_LOCAL = re.compile(r"(/home/|/root/|/Users/|/tmp/|[A-Za-z]:\\\\|site-packages|File \"|\.py[:\"])")

Shape = tuple[int | str | None, ...]


@dataclass(frozen=True)
class Signature:
    """What a graph says of itself: its opset in the default domain, and its inputs and outputs by name."""

    opset: int | None
    inputs: dict[str, Shape]
    outputs: dict[str, Shape]


def signature(model: onnx.ModelProto) -> Signature:
    """Read from the graph; inputs that are initialisers (weights) are left out."""
    weights = {tensor.name for tensor in model.graph.initializer}
    opsets = [o.version for o in model.opset_import if o.domain in ("", "ai.onnx")]
    return Signature(
        opset=opsets[0] if opsets else None,
        inputs={i.name: _shape(i) for i in model.graph.input if i.name not in weights},
        outputs={o.name: _shape(o) for o in model.graph.output},
    )


def findings(data: bytes, runtime: Runtime) -> Iterator[str]:
    """One line for each thing that is wrong with the ONNX file ``data`` for ``runtime``."""
    if not 0 < len(data) <= runtime.max_file_bytes:
        yield f"{len(data)} bytes; {runtime.name} loads 1 to {runtime.max_file_bytes}"
        return
    try:
        model = onnx.load_model_from_string(data)
    except (DecodeError, ValueError) as error:
        yield f"not an ONNX file: {error}"
        return
    outside = [t.name for t in _tensors(model.graph) if uses_external_data(t)]
    if outside:
        yield f"weights outside the file, where no digest covers them: {', '.join(outside[:5])}"
        return
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, ValueError) as error:
        yield f"onnx.checker: {str(error).strip().splitlines()[0]}"
    yield from _input_shapes(model, runtime)
    yield from _operators(model, runtime)
    yield from _local_names(model)


def _shape(value: onnx.ValueInfoProto) -> Shape:
    return tuple(
        d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in value.type.tensor_type.shape.dim
    )


def _input_shapes(model: onnx.ModelProto, runtime: Runtime) -> Iterator[str]:
    for name, shape in signature(model).inputs.items():
        fixed = runtime.input_shapes.get(len(shape))
        if fixed is None or any(want not in (-1, have) for want, have in zip(fixed, shape, strict=True)):
            yield f"input {name} has shape {list(shape)}, which {runtime.name} does not feed"


def _operators(model: onnx.ModelProto, runtime: Runtime) -> Iterator[str]:
    # A model-local function can define any name in any domain, so its nodes count like the graph's.
    bodies = [model.graph.node, *(function.node for function in model.functions)]
    nodes = [found for body in bodies for found in _nodes(body, 0)]
    local = {(function.domain, function.name) for function in model.functions}
    for node, depth in nodes:
        operator = f"{node.domain}::{node.op_type}" if node.domain else node.op_type
        if len(node.op_type.encode()) > runtime.max_operator_name_bytes:
            yield f"an operator's name has {len(node.op_type.encode())} bytes"
        elif (node.domain, node.op_type) in local:
            yield f"operator {operator} is a model-local function, which {runtime.name} does not take"
        elif node.domain not in runtime.domains or node.op_type not in runtime.operators:
            yield f"operator {operator} is not one that {runtime.name} takes"
        if depth > runtime.max_subgraph_depth:
            yield f"operator {operator} is {depth} subgraphs deep; {runtime.name} goes to {runtime.max_subgraph_depth}"
    loops = sum(node.op_type == "Loop" for node, _ in nodes)
    if loops > runtime.max_loop_nodes:
        yield f"{loops} Loop nodes; {runtime.name} takes {runtime.max_loop_nodes}"


def _nodes(body: object, depth: int) -> Iterator[tuple[onnx.NodeProto, int]]:
    for node in body:  # type: ignore[attr-defined]  # protobuf's repeated field has no public type
        yield node, depth
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                yield from _nodes(graph.node, depth + 1)


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for node, _ in _nodes(graph.node, 0):
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for subgraph in (attribute.g, *attribute.graphs):
                yield from subgraph.initializer


def _local_names(model: onnx.ModelProto) -> Iterator[str]:
    # Text lies in doc strings, metadata and names at every level; the printed proto has them all.
    stripped = onnx.ModelProto()
    stripped.CopyFrom(model)
    for tensor in _tensors(stripped.graph):
        for payload in ("raw_data", "float_data", "int32_data", "int64_data", "double_data", "uint64_data"):
            tensor.ClearField(payload)
    found = _LOCAL.search(str(stripped))
    if found:
        yield f"the graph names something of the machine that made it: {found.group()!r}"
