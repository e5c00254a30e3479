"""Whether a graph standardises its inputs itself."""

from __future__ import annotations

from collections.abc import Iterator

import onnx

from tinyai_registry.onnxfile.protobuf import elements

_CARRIES = {"Identity", "Cast", "Concat", "Reshape", "Flatten", "Unsqueeze", "Squeeze", "Transpose", "Expand"}
# What may come before a standardisation: values are kept within bounds, or put into another order.
_PREPARES = _CARRIES | {"Clip", "Min", "Max", "Gather"}
# What may be done to a constant before it is used.
_KEEPS_SIZE = _CARRIES - {"Concat", "Expand"} | {"Neg", "Reciprocal", "Sqrt", "Abs"}
_SCALES = {"Sub", "Add", "Mul", "Div", "BatchNormalization"}


def scaler_in_graph(model: onnx.ModelProto) -> bool:
    """Whether the first arithmetic on an input of rank 2 is with one constant for each feature."""
    constants = _constants(model.graph)
    for value in model.graph.input:
        dims = value.type.tensor_type.shape.dim
        if value.name not in constants and len(dims) == 2:  # noqa: PLR2004  # rows of features
            width = dims[1].dim_value
            if any(_scales(node, constants, width, model.graph) for node in _first(model.graph, value.name)):
                return True
    return False


def _constants(graph: onnx.GraphProto) -> dict[str, int]:
    """How many elements each constant of ``graph`` has."""
    found = {tensor.name: elements(tensor.dims) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.output:
            sizes = [elements(each.t.dims) for each in node.attribute if each.name == "value"]
            sizes += [max(len(each.floats), 1) for each in node.attribute if each.name.startswith("value_float")]
            found[node.output[0]] = sizes[0] if sizes else 0
        elif node.op_type in _KEEPS_SIZE and node.input and node.input[0] in found:
            found |= dict.fromkeys(node.output, found[node.input[0]])
    return found


def _first(graph: onnx.GraphProto, name: str) -> Iterator[onnx.NodeProto]:
    """The nodes that compute with ``name``, past those that only carry it elsewhere."""
    carried = {name}
    for node in graph.node:  # in the order of computation, as ONNX has it
        if carried.isdisjoint(node.input):
            continue
        if node.op_type in _PREPARES:
            carried.update(node.output)
        else:
            yield node


def _scales(node: onnx.NodeProto, constants: dict[str, int], width: int, graph: onnx.GraphProto) -> bool:
    sizes = [constants[name] for name in node.input if name in constants]
    if node.op_type not in _SCALES or not sizes:
        return False
    if width > 1:
        return width <= max(sizes)  # a concatenation of inputs may be wider
    # Of a single feature, a constant alone may be anything; a shift and a scale are a standardisation.
    return node.op_type in {"Sub", "Add"} and any(
        then.op_type in {"Div", "Mul"} and node.output[0] in then.input and not constants.keys().isdisjoint(then.input)
        for then in graph.node
    )
