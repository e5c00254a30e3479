"""Whether a graph standardises its inputs itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tinyai_registry.onnxfile.onnx_messages import GraphProto, ModelProto, NodeProto
from tinyai_registry.onnxfile.protobuf import elements

_CARRIES = {"Identity", "Cast", "Concat", "Reshape", "Flatten", "Unsqueeze", "Squeeze", "Transpose", "Expand"}
# What may come before a standardisation: values are kept within bounds, or put into another order.
_PREPARES = _CARRIES | {"Clip", "Min", "Max", "Gather"}
# What may be done to a constant before it is used.
_KEEPS_SIZE = _CARRIES - {"Concat", "Expand"} | {"Neg", "Reciprocal", "Sqrt", "Abs"}
_SCALES = {"Sub", "Add", "Mul", "Div", "BatchNormalization"}


def scaler_in_graph(model: ModelProto) -> bool:
    """Whether the first arithmetic on an input of rank 2 is with one constant for each feature."""
    constants = _constants(model.graph)
    widths = {
        value.name: value.type.tensor_type.shape.dim[1].dim_value
        for value in model.graph.input
        if value.name not in constants and len(value.type.tensor_type.shape.dim) == 2  # noqa: PLR2004  # rows of features
    }
    scaled = _scaled(model.graph, constants)
    return any(
        _scales(node, constants, width, scaled) for node, found in _first(model.graph, widths) for width in found
    )


def _constants(graph: GraphProto) -> dict[str, int]:
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


def _scaled(graph: GraphProto, constants: Mapping[str, int]) -> set[str]:
    """The values that are multiplied with a constant, or divided."""
    nodes = [each for each in graph.node if each.op_type in {"Div", "Mul"}]
    return {name for node in nodes if not constants.keys().isdisjoint(node.input) for name in node.input}


def _first(graph: GraphProto, widths: Mapping[str, int]) -> Iterator[tuple[NodeProto, frozenset[int]]]:
    """The nodes that compute with an input, past those that only carry it elsewhere; and how wide the inputs are.

    All inputs are followed at once: a walk for each would take their number times that of the nodes.
    """
    carried = {name: frozenset({width}) for name, width in widths.items()}
    for node in graph.node:  # in the order of computation, as ONNX has it
        found = frozenset[int]().union(*(carried[name] for name in node.input if name in carried))
        if not found:
            continue
        if node.op_type in _PREPARES:
            # Of many inputs in one, a single feature and the narrowest of the others say all that is asked.
            carried |= dict.fromkeys(node.output, frozenset({min(found), min(found - {0, 1}, default=min(found))}))
        else:
            yield node, found


def _scales(node: NodeProto, constants: Mapping[str, int], width: int, scaled: set[str]) -> bool:
    sizes = [constants[name] for name in node.input if name in constants]
    if node.op_type not in _SCALES or not sizes:
        return False
    if width > 1:
        return width <= max(sizes)  # a concatenation of inputs may be wider
    # Of a single feature, a constant alone may be anything; a shift and a scale are a standardisation.
    return node.op_type in {"Sub", "Add"} and node.output[0] in scaled
