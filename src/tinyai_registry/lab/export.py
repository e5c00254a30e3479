"""A trained MLP as an ONNX graph, built from its weights.

Written out node by node rather than traced: the graph has the same bytes wherever it is made, names nothing
of the machine, and needs no version converter to reach the recipe's opset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from tinyai_registry.errors import PluginError
from tinyai_registry.lab.mlp import TrainedMLP
from tinyai_registry.model import TrainedModel
from tinyai_registry.recipe import Recipe

# ``{x}`` is the name of the layer's linear output. GELU is the exact one, x/2 (1 + erf(x / sqrt 2)); the Gelu
# operator itself came with opset 20.
ACTIVATION_NODES: Mapping[str, str] = {
    "gelu": """
        {x}_scaled = Mul({x}, inverse_sqrt2)
        {x}_erf = Erf({x}_scaled)
        {x}_gate = Add({x}_erf, one)
        {x}_twice = Mul({x}, {x}_gate)
        {x}_out = Mul({x}_twice, half)
    """,
    "relu": "{x}_out = Relu({x})",
}

_CONSTANTS = {"inverse_sqrt2": 0.5**0.5, "one": 1.0, "half": 0.5}


def export_mlp(recipe: Recipe, models: Sequence[TrainedModel]) -> onnx.ModelProto:
    """The one model of ``models`` as a graph with the recipe's opset, input and output names.

    Raises PluginError if there is not exactly one model, or it is not the built-in MLP.
    """
    if len(models) != 1 or not isinstance(models[0], TrainedMLP):
        raise PluginError(
            f"{recipe.id}: the built-in exporter takes one built-in MLP; a plugin that trains "
            "something else brings its own tinyai_export"
        )
    model = models[0]
    body, weights = _body(recipe, model)
    inputs = ", ".join(f"float[N, {len(i.columns)}] {i.tensor}" for i in recipe.inputs)
    proto = onnx.parser.parse_model(
        f'<ir_version: {_ir_version(recipe.opset)}, opset_import: ["" : {recipe.opset}], '
        f'producer_name: "tinyai-registry">\n'
        f"{recipe.id} ({inputs}) => (float[N] {recipe.output}) {{ {body} }}"
    )
    used = {name for node in proto.graph.node for name in node.input}
    for name, values in weights.items():
        if name in used:
            proto.graph.initializer.append(numpy_helper.from_array(values, name))
    return proto


def _ir_version(opset: int) -> int:
    return onnx.helper.find_min_ir_version_for([onnx.helper.make_opsetid("", opset)])


def _body(recipe: Recipe, model: TrainedMLP) -> tuple[str, dict[str, NDArray[np.generic]]]:
    """The nodes in ONNX's textual syntax, and the tensors that they name."""
    weights: dict[str, NDArray[np.generic]] = {name: np.array(value, np.float32) for name, value in _CONSTANTS.items()}
    nodes, current = [], recipe.inputs[0].tensor
    if len(recipe.inputs) > 1:
        nodes.append(f"joined = Concat<axis = 1>({', '.join(i.tensor for i in recipe.inputs)})")
        current = "joined"
    if recipe.scaler_in_graph:
        weights["feature_mean"] = model.standardisation.mean.astype(np.float32)
        weights["feature_std"] = model.standardisation.std.astype(np.float32)
        nodes.append(f"centred = Sub({current}, feature_mean)")
        nodes.append("standardised = Div(centred, feature_std)")
        current = "standardised"
    layers = list(zip(model.parameters[::2], model.parameters[1::2], strict=True))
    for number, (weight, bias) in enumerate(layers, start=1):
        layer = f"layer{number}"
        weights[f"{layer}_weight"], weights[f"{layer}_bias"] = weight, bias[0]
        nodes.append(f"{layer} = Gemm({current}, {layer}_weight, {layer}_bias)")
        current = layer
        if number < len(layers):
            nodes.append(ACTIVATION_NODES[model.activation].format(x=layer))
            current = f"{layer}_out"
    weights["last_axis"] = np.array([1], np.int64)
    nodes.append(f"{recipe.output} = Squeeze({current}, last_axis)")
    return "\n".join(nodes), weights
