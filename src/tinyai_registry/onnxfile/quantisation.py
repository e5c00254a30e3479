"""Whether an int8 graph was quantised from another graph: how far its weights are from that one's."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tinyai_registry.onnxfile.arrays import to_array
from tinyai_registry.onnxfile.onnx_messages import ModelProto, TensorProto, is_outside

Array = NDArray[np.float64]

# Weights of one shape that a weight under another name is held against: each with each would take hours to compare.
_MOST_ALIKE = 16


def distances(twin: ModelProto, graph: ModelProto) -> list[tuple[str, float]] | None:
    """How many steps of its grid each weight of ``twin`` is from the one of ``graph`` that it belongs to.

    None where they cannot be compared: a quantiser's preprocessing has folded normalisations into the weights, or
    ``graph`` has no weight that could be looked for.
    """
    if _is_folded(twin, graph):
        return None
    originals, quantised = _weights(graph), _weights(twin)
    found = _distances(twin, originals, quantised)
    return found if found or any(weight.ndim > 1 for weight in originals.values()) else None


def _is_folded(twin: ModelProto, graph: ModelProto) -> bool:
    """Whether a quantiser's preprocessing has folded normalisations of ``graph`` into other weights than it has."""
    here, there = (sum(node.op_type == "BatchNormalization" for node in each.graph.node) for each in (twin, graph))
    return bool(here < there)


def _distances(
    twin: ModelProto, originals: Mapping[str, Array], quantised: Mapping[str, Array]
) -> list[tuple[str, float]]:
    """How many steps of its grid each quantised weight is from the original that it belongs to."""
    found = [(name, _nearest([originals[name]], *parts)) for name, parts in _pair_by_name(originals, quantised)]
    by_shape: dict[tuple[int, ...], list[Array]] = defaultdict(list)
    for weight in originals.values():
        for shape in {weight.shape, weight.T.shape}:
            by_shape[shape].append(weight)
    for name, parts in _pair_by_node(twin, originals, quantised):
        alike = by_shape[parts[0].shape]
        if 0 < len(alike) <= _MOST_ALIKE:
            found.append((name, _nearest(alike, *parts)))
    found += [
        (name, 0.0 if np.array_equal(quantised[name], weight) else math.inf)
        for name, weight in originals.items()
        if name in quantised
    ]
    return found


def _weights(model: ModelProto) -> dict[str, Array]:
    """The tensors of ``model`` by name; of those that are nodes the matrices, for the others are named by number."""
    named = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.output:
            named |= (
                (node.output[0], each.t) for each in node.attribute if each.name == "value" and len(each.t.dims) > 1
            )
    return {name: _array(tensor) for name, tensor in named.items() if not is_outside(tensor)}


def _pair_by_name(originals: Mapping[str, Array], quantised: Mapping[str, Array]) -> Iterator[tuple[str, list[Array]]]:
    """The values, scale and zero point of each quantised weight, found by the names that quantisers give them."""
    for name in originals:
        parts = [quantised.get(f"{name}_{part}") for part in ("quantized", "scale", "zero_point")]
        there = [part for part in parts if part is not None]
        if len(there) == len(parts):
            yield name, there


def _pair_by_node(
    twin: ModelProto, originals: Mapping[str, Array], quantised: Mapping[str, Array]
) -> Iterator[tuple[str, list[Array]]]:
    """The same for 8-bit weights under other names, found by the nodes that dequantise them."""
    eight_bits = {t.name for t in twin.graph.initializer if t.data_type in (TensorProto.INT8, TensorProto.UINT8)}
    for node in twin.graph.node:
        values, scale, zero = (*node.input, "", "", "")[:3]
        taken = node.op_type == "DequantizeLinear" and values in eight_bits and scale in quantised
        if taken and values in quantised and values.removesuffix("_quantized") not in originals:
            yield values, [quantised[values], quantised[scale], quantised.get(zero, np.zeros(1))]


def _nearest(originals: Sequence[Array], values: Array, scale: Array, zero: Array) -> float:
    # A Gemm with transB becomes a MatMul, whose weight is the other way round.
    return min(_steps(weight, values, scale, zero) for each in originals for weight in (each, each.T))


def _array(tensor: TensorProto) -> Array:
    try:
        return to_array(tensor).astype(np.float64)
    except (KeyError, TypeError, ValueError, OverflowError, MemoryError):
        return np.full(1, np.nan)  # a tensor that does not hold together belongs to nothing


def _steps(original: Array, values: Array, scale: Array, zero: Array) -> float:
    """How many steps lie between ``original`` and what ``values`` stand for, at worst."""
    if values.shape != original.shape or not scale.size or zero.size not in {1, scale.size}:
        return math.inf
    shapes: list[list[int]] = [[1] * original.ndim]
    if scale.size > 1:  # one scale for each channel, along an axis that has as many: of a square one it may be either
        along = [n for n, size in enumerate(original.shape) if size == scale.size]
        shapes = [[scale.size if n == axis else 1 for n in range(original.ndim)] for axis in along]
    with np.errstate(all="ignore"):
        found = [
            float(np.max(np.abs(values - _along(zero, shape) - original / _along(scale, shape)), initial=0.0))
            for shape in shapes
        ]
    return min(found, default=math.inf)


def _along(figures: Array, shape: Sequence[int]) -> Array:
    return figures.reshape(shape if figures.size > 1 else [1] * len(shape))
