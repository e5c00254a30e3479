"""What can be wrong with an int8 twin: <stem>.int8.onnx, which a runtime may load in place of the fp32 graph."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper
from onnx.external_data_helper import uses_external_data

from tinyai_registry.checks.files import DIGEST
from tinyai_registry.checks.finding import Finding, Rule, Severity
from tinyai_registry.checks.subject import Subject
from tinyai_registry.files import Unreadable
from tinyai_registry.onnxfile.graph import ParsedGraph
from tinyai_registry.text import shorten

UNPINNED = Rule(
    "TAI701",
    "twin-not-pinned",
    Severity.ERROR,
    "an int8 twin is not pinned",
    "With a `quant_mode` other than fp32 a runtime loads <stem>.int8.onnx in place of the graph. Without `int8_sha256` "
    "nothing says which bytes that has to be.",
    "Write its digest into the row, or remove the file.",
)
FOREIGN = Rule(
    "TAI702",
    "foreign-twin",
    Severity.ERROR,
    "an int8 twin does not belong to the graph beside it",
    "The twin was quantised from other weights, or takes other inputs: it is the leftover of an earlier release, and "
    "gives that release's scores under the new one's name.",
    "Quantise the registered graph again, or withdraw the twin (`tinyai refresh` withdraws it).",
)
NO_DIGEST_FOR = Rule(
    "TAI703",
    "unused-twin",
    Severity.WARNING,
    "a row speaks of a twin that it does not use",
    "`int8_sha256` beside `quant_mode` fp32, or without one: the runtime never loads the twin, and nobody tests it.",
    "Set `quant_mode` to how the twin was made, or remove twin and digest.",
)

Array = NDArray[np.float64]

# One step of the quantisation grid, and what rounding in float32 adds to it.
_STEPS = 1.001
# Weights of one shape that a weight under another name is held against: each with each would take hours to compare.
_MOST_ALIKE = 16


def of_model(model: Subject) -> Iterator[Finding]:
    """Whether the int8 twin of ``model``, if there is one, is pinned and belongs to it."""
    if model.twin is None or isinstance(model.twin.file, Unreadable):
        return
    name, pinned = shorten(model.twin.file.name), model.row.get("int8_sha256")
    if pinned is None:
        yield model.in_row(UNPINNED, f"{name} has no int8_sha256 in the row", "quant_mode")
    elif model.twin.file.sha256 != pinned:
        what = f"{name} has the digest {model.twin.file.sha256}, not {shorten(str(pinned))}"
        yield model.in_row(DIGEST, what, "int8_sha256")
    if pinned is not None and model.row.get("quant_mode", "fp32") == "fp32":
        yield model.in_row(NO_DIGEST_FOR, f"{name} is pinned, but quant_mode is fp32", "int8_sha256")
    if model.parsed is not None and isinstance(model.twin, ParsedGraph):
        for why in _differences(model.twin, model.parsed, trained=model.row.get("quant_mode") == "qat"):
            what = f"{name} does not belong to {shorten(model.parsed.file.name)}: {why}"
            yield model.in_row(FOREIGN, what, "int8_sha256")


def _differences(twin: ParsedGraph, graph: ParsedGraph, *, trained: bool) -> Iterator[str]:
    """How ``twin`` differs from ``graph``; if it was ``trained`` further, its weights are not compared."""
    for what in ("inputs", "outputs"):
        here, there = getattr(twin.signature, what), getattr(graph.signature, what)
        if {name: len(shape) for name, shape in here.items()} != {name: len(shape) for name, shape in there.items()}:
            yield f"its {what} are {', '.join(map(shorten, here))}, not {', '.join(map(shorten, there))}"
            return
    if trained or _is_folded(twin.proto, graph.proto):
        return
    originals, quantised = _weights(graph.proto), _weights(twin.proto)
    distances = _distances(twin.proto, originals, quantised)
    far = [(name, steps) for name, steps in distances if not steps <= _STEPS]
    if far:
        name, steps = max(far, key=lambda each: each[1])
        away = f"{steps:.1f} steps of its grid away from" if math.isfinite(steps) else "none that was made from"
        yield f"the weight {shorten(name)} is {away} the fp32 one"
    elif not distances and any(weight.ndim > 1 for weight in originals.values()) and not graph.outside:
        yield "it has none of the weights"


def _is_folded(twin: onnx.ModelProto, graph: onnx.ModelProto) -> bool:
    """Whether a quantiser's preprocessing has folded normalisations of ``graph`` into other weights than it has."""
    here, there = (sum(node.op_type == "BatchNormalization" for node in each.graph.node) for each in (twin, graph))
    return bool(here < there)


def _distances(
    twin: onnx.ModelProto, originals: Mapping[str, Array], quantised: Mapping[str, Array]
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


def _weights(model: onnx.ModelProto) -> dict[str, Array]:
    """The tensors of ``model`` by name; of those that are nodes the matrices, for the others are named by number."""
    named = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.output:
            named |= (
                (node.output[0], each.t) for each in node.attribute if each.name == "value" and len(each.t.dims) > 1
            )
    return {name: _array(tensor) for name, tensor in named.items() if not uses_external_data(tensor)}


def _pair_by_name(originals: Mapping[str, Array], quantised: Mapping[str, Array]) -> Iterator[tuple[str, list[Array]]]:
    """The values, scale and zero point of each quantised weight, found by the names that quantisers give them."""
    for name in originals:
        parts = [quantised.get(f"{name}_{part}") for part in ("quantized", "scale", "zero_point")]
        there = [part for part in parts if part is not None]
        if len(there) == len(parts):
            yield name, there


def _pair_by_node(
    twin: onnx.ModelProto, originals: Mapping[str, Array], quantised: Mapping[str, Array]
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


def _array(tensor: onnx.TensorProto) -> Array:
    try:
        return numpy_helper.to_array(tensor).astype(np.float64)
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
