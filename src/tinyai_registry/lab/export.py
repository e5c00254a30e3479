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
from tinyai_registry.evaluation import TrainedModel
from tinyai_registry.lab.mlp import LAYER_NORM_EPSILON, TrainedMLP
from tinyai_registry.recipe import Recipe

PRODUCER = "tinyai-registry"

# ``{x}`` is the name of the layer's linear output. GELU is the exact one, x/2 (1 + erf(x / sqrt 2)); the Gelu
# operator itself came with opset 20.
ACTIVATION_NODES: Mapping[str, str] = {
    "gelu": """
        {x}_scaled = Mul({x}, _inverse_sqrt2)
        {x}_erf = Erf({x}_scaled)
        {x}_gate = Add({x}_erf, _one)
        {x}_twice = Mul({x}, {x}_gate)
        {x}_out = Mul({x}_twice, _half)
    """,
    "relu": "{x}_out = Relu({x})",
    "tanh": "{x}_out = Tanh({x})",
}

_CONSTANTS = {"_inverse_sqrt2": 0.5**0.5, "_one": 1.0, "_half": 0.5}

Weights = dict[str, NDArray[np.generic]]


def export_mlps(recipe: Recipe, models: Sequence[TrainedModel]) -> dict[str, onnx.ModelProto]:
    """``models`` as one graph named like the recipe, and each member by itself if the recipe says so.

    Raises PluginError if one of them is not the built-in MLP.
    """
    networks = [model for model in models if isinstance(model, TrainedMLP)]
    if not networks or len(networks) != len(models):
        raise PluginError(
            f"{recipe.id}: the built-in exporter takes built-in MLPs; a plugin that trains "
            "something else brings its own tinyai_export"
        )
    graphs = {recipe.id: _graph(recipe, networks)}
    if recipe.ensemble is not None and recipe.ensemble.separate:
        named = zip(recipe.member_names, networks, strict=True)
        graphs |= {name: _graph(recipe, [network]) for name, network in named}
    return graphs


def _graph(recipe: Recipe, networks: Sequence[TrainedMLP]) -> onnx.ModelProto:
    weights: Weights = {name: np.array(value, np.float32) for name, value in _CONSTANTS.items()}
    features, nodes = _features(recipe, networks[0], weights)
    scores = []
    for number, network in enumerate(networks):
        prefix = f"_member{number}" if len(networks) > 1 else ""
        score, layers = _layers(prefix, features, network, weights)
        nodes += layers
        scores.append(score)
    score = scores[0]
    if len(scores) > 1:
        score = "_mean_score"
        nodes.append(f"{score} = Mean({', '.join(scores)})")
    weights["_last_axis"] = np.array([1], np.int64)
    shaped = f"Squeeze({score}, _last_axis)" if recipe.output_rank == 1 else f"Identity({score})"
    nodes.append(f"{recipe.output} = {shaped}")
    return _assemble(recipe, nodes, weights)


def _assemble(recipe: Recipe, nodes: Sequence[str], weights: Weights) -> onnx.ModelProto:
    rows = "1" if recipe.batch == "one" else "N"
    inputs = ", ".join(f"float[{rows}, {len(i.columns)}] {i.tensor}" for i in recipe.inputs)
    output = f"float[{', '.join((rows, '1')[: recipe.output_rank])}] {recipe.output}"
    body = "\n".join(nodes)
    ir_version = onnx.helper.find_min_ir_version_for([onnx.helper.make_opsetid("", recipe.opset)])
    proto = onnx.parser.parse_model(
        f'<ir_version: {ir_version}, opset_import: ["" : {recipe.opset}], producer_name: "{PRODUCER}">\n'
        f"{recipe.id} ({inputs}) => ({output}) {{ {body} }}"
    )
    used = {name for node in proto.graph.node for name in node.input}
    for name, values in weights.items():
        if name in used:
            proto.graph.initializer.append(numpy_helper.from_array(values, name))
    return proto


def _features(recipe: Recipe, network: TrainedMLP, weights: Weights) -> tuple[str, list[str]]:
    """The name of the joined, and if need be standardised, features, and the nodes that make them."""
    nodes, current = [], recipe.inputs[0].tensor
    if len(recipe.inputs) > 1:
        nodes.append(f"_joined = Concat<axis = 1>({', '.join(i.tensor for i in recipe.inputs)})")
        current = "_joined"
    if recipe.scaler_in_graph:
        weights["_scaler_mean"] = network.standardisation.mean.astype(np.float32)
        weights["_scaler_std"] = network.standardisation.std.astype(np.float32)
        nodes += [f"_centred = Sub({current}, _scaler_mean)", "_standardised = Div(_centred, _scaler_std)"]
        current = "_standardised"
    squash = network.architecture.squash
    if squash is not None:
        weights["_squash"] = np.array(squash, np.float32)
        nodes += [
            f"_relative = Div({current}, _squash)",
            "_limited = Tanh(_relative)",
            "_squashed = Mul(_limited, _squash)",
        ]
        current = "_squashed"
    return current, nodes


def _layers(prefix: str, features: str, network: TrainedMLP, weights: Weights) -> tuple[str, list[str]]:
    """The name of a network's score ``[N, 1]``, and the nodes that make it in ONNX's textual syntax."""
    nodes, current = [], features
    layers = list(zip(network.parameters[::2], network.parameters[1::2], strict=True))
    if network.architecture.layer_norm:
        norm = f"{prefix}_normalised"
        weight, bias = layers.pop(0)
        weights[f"{norm}_weight"], weights[f"{norm}_bias"] = weight[0], bias[0]
        attributes = f"axis = -1, epsilon = {LAYER_NORM_EPSILON}"
        nodes.append(f"{norm} = LayerNormalization <{attributes}> ({current}, {norm}_weight, {norm}_bias)")
        current = norm
    for number, (weight, bias) in enumerate(layers, start=1):
        layer = f"{prefix}_layer{number}"
        weights[f"{layer}_weight"], weights[f"{layer}_bias"] = weight, bias[0]
        nodes.append(f"{layer} = Gemm({current}, {layer}_weight, {layer}_bias)")
        current = layer
        if number < len(layers):
            nodes.append(ACTIVATION_NODES[network.architecture.activation].format(x=layer))
            current = f"{layer}_out"
    return _output(prefix, current, network, weights, nodes), nodes


def _output(prefix: str, linear: str, network: TrainedMLP, weights: Weights, nodes: list[str]) -> str:
    """The name of the score after the network's output activation, whose nodes are appended to ``nodes``."""
    score = f"{prefix}_bounded"
    if network.architecture.output_activation == "softplus":
        nodes.append(f"{score} = Softplus({linear})")
        return score
    if network.bounds is None:
        return linear
    low, high = network.bounds
    weights["_lower_bound"] = np.array(low, np.float32)
    weights["_bound_range"] = np.array(high - low, np.float32)
    nodes += [
        f"{score}_share = Sigmoid({linear})",
        f"{score}_scaled = Mul({score}_share, _bound_range)",
        f"{score} = Add({score}_scaled, _lower_bound)",
    ]
    return score
