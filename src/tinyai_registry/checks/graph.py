"""What can be wrong with an ONNX graph: read back from the bytes that ship, held against the target runtime."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from onnx.external_data_helper import uses_external_data

from tinyai_registry.checks.runtime import Runtime

# An absolute path, or a line of a traceback: an exporter's notes about the machine that it ran on.
_LOCAL = re.compile(r"/(?:home|root|Users|tmp)/|[A-Za-z]:\\|site-packages|\bFile \"|\.py\b")

Shape = tuple[int | str | None, ...]


@dataclass(frozen=True)
class Signature:
    """What a graph says of itself: its opset in the default domain, and its inputs and outputs by name.

    ``types`` are the element types of both, as ``onnx.TensorProto`` numbers them.
    """

    opset: int | None
    inputs: dict[str, Shape]
    outputs: dict[str, Shape]
    types: dict[str, int]


def signature(model: onnx.ModelProto) -> Signature:
    """Read from the graph; inputs that are initialisers (weights) are left out."""
    weights = {tensor.name for tensor in model.graph.initializer}
    opsets = [o.version for o in model.opset_import if o.domain in ("", "ai.onnx")]
    return Signature(
        opset=opsets[0] if opsets else None,
        inputs={i.name: _shape(i) for i in model.graph.input if i.name not in weights},
        outputs={o.name: _shape(o) for o in model.graph.output},
        types={
            value.name: value.type.tensor_type.elem_type
            for value in (*model.graph.input, *model.graph.output)
            if value.name not in weights
        },
    )


def findings(data: bytes, runtime: Runtime) -> Iterator[str]:
    """One line for each thing that is wrong with the ONNX file ``data`` for ``runtime``."""
    # Names in the file are anyone's, and may have line breaks in them.
    yield from (" ".join(text.split()) for text in _findings(data, runtime))


def _findings(data: bytes, runtime: Runtime) -> Iterator[str]:
    if not 0 < len(data) <= runtime.max_file_bytes:
        yield f"{len(data)} bytes; {runtime.name} loads 1 to {runtime.max_file_bytes}"
        return
    try:
        model = onnx.load_model_from_string(data)
    except (DecodeError, ValueError) as error:
        yield f"not an ONNX file: {error}"
        return
    if any(isinstance(text, bytes) for message in _messages(model) for text in _texts(message)):
        yield "not an ONNX file: it has a name that is not UTF-8"
        return
    if outside := external(model):
        yield f"weights outside the file, where no digest covers them: {', '.join(outside[:5])}"
        return
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, ValueError) as error:
        yield f"onnx.checker: {str(error).strip().splitlines()[0]}"
    if sum(each.domain in ("", "ai.onnx") for each in model.opset_import) > 1:
        yield "two opsets of the default domain are imported; which one holds is anyone's guess"
    yield from _input_shapes(model, runtime)
    yield from _operators(model, runtime)
    yield from _local_names(model)


def external(model: onnx.ModelProto) -> list[str]:
    """The tensors, wherever they stand in the graph, whose numbers are in another file."""
    tensors = (message for message in _messages(model) if isinstance(message, onnx.TensorProto))
    return [tensor.name for tensor in tensors if uses_external_data(tensor)]


def _messages(message: Message) -> Iterator[Message]:
    """``message`` and everything inside it: subgraphs, functions and sparse weights too."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for inner in [value] if isinstance(value, Message) else value:
                yield from _messages(inner)


def _texts(message: Message) -> Iterator[str | bytes]:
    """Every string in ``message`` itself; bytes where it is not UTF-8."""
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_STRING:
            yield from [value] if isinstance(value, str | bytes) else value


def _shape(value: onnx.ValueInfoProto) -> Shape:
    return tuple(
        d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in value.type.tensor_type.shape.dim
    )


def _input_shapes(model: onnx.ModelProto, runtime: Runtime) -> Iterator[str]:
    for name, shape in signature(model).inputs.items():
        fixed = runtime.input_shapes.get(len(shape))
        one_or_any = not isinstance(shape[0], int) or shape[0] == 1 if shape else False
        if fixed is None or not one_or_any or any(w not in (-1, h) for w, h in zip(fixed, shape, strict=True)):
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


def _nodes(body: Iterable[onnx.NodeProto], depth: int) -> Iterator[tuple[onnx.NodeProto, int]]:
    for node in body:
        yield node, depth
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                yield from _nodes(graph.node, depth + 1)


def _local_names(model: onnx.ModelProto) -> Iterator[str]:
    for message in _messages(model):
        texts = [str(text) for text in _texts(message)]
        if isinstance(message, onnx.AttributeProto):
            texts += [each.decode(errors="replace") for each in (message.s, *message.strings)]
        for text in texts:
            found = _LOCAL.search(text)
            if found:
                yield f"the graph names something of the machine that made it: {found.group()!r}"
                return
