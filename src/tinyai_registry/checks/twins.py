"""What can be wrong with an int8 twin: <stem>.int8.onnx, which a runtime may load in place of the fp32 graph."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper
from onnx.external_data_helper import uses_external_data

from tinyai_registry.checks.files import DIGEST, shown
from tinyai_registry.checks.finding import Finding, Rule, Severity
from tinyai_registry.checks.model import Graph, Model

UNPINNED = Rule(
    "TAI701",
    Severity.ERROR,
    "an int8 twin is not pinned",
    "With a `quant_mode` other than fp32 a runtime loads <stem>.int8.onnx in place of the graph. Without `int8_sha256` "
    "nothing says which bytes that has to be.",
    "Write its digest into the row, or remove the file.",
)
FOREIGN = Rule(
    "TAI702",
    Severity.ERROR,
    "an int8 twin does not belong to the graph beside it",
    "The twin was quantised from other weights, or takes other inputs: it is the leftover of an earlier release, and "
    "gives that release's scores under the new one's name.",
    "Quantise the registered graph again, or withdraw the twin (`tinyai refresh` withdraws it).",
)
NO_DIGEST_FOR = Rule(
    "TAI703",
    Severity.WARNING,
    "a row speaks of a twin that it does not use",
    "`int8_sha256` beside `quant_mode` fp32, or without one: the runtime never loads the twin, and nobody tests it.",
    "Set `quant_mode` to how the twin was made, or remove twin and digest.",
)

Array = NDArray[np.float64]

# One step of the quantisation grid, and what rounding in float32 adds to it.
_STEPS = 1.001


def of_model(model: Model) -> Iterator[Finding]:
    """Whether the int8 twin of ``model``, if there is one, is pinned and belongs to it."""
    if model.twin is None or model.twin.file.data is None:
        return
    name, pinned = shown(model.twin.file.name), model.row.get("int8_sha256")
    if pinned is None:
        yield model.in_row(UNPINNED, f"{name} has no int8_sha256 in the row", "quant_mode")
    elif model.twin.file.sha256 != pinned:
        what = f"{name} has the digest {model.twin.file.sha256}, not {shown(str(pinned))}"
        yield model.in_row(DIGEST, what, "int8_sha256")
    if pinned is not None and model.row.get("quant_mode", "fp32") == "fp32":
        yield model.in_row(NO_DIGEST_FOR, f"{name} is pinned, but quant_mode is fp32", "int8_sha256")
    if model.graph is not None:
        for why in _strangeness(model.twin, model.graph):
            what = f"{name} does not belong to {shown(model.graph.file.name)}: {why}"
            yield model.in_row(FOREIGN, what, "int8_sha256")


def _strangeness(twin: Graph, graph: Graph) -> Iterator[str]:
    if twin.signature is None or graph.signature is None or twin.proto is None or graph.proto is None:
        return
    for what in ("inputs", "outputs"):
        here, there = getattr(twin.signature, what), getattr(graph.signature, what)
        if {name: len(shape) for name, shape in here.items()} != {name: len(shape) for name, shape in there.items()}:
            yield f"its {what} are {', '.join(map(shown, here))}, not {', '.join(map(shown, there))}"
            return
    worst = _worst_weight(twin.proto, graph.proto)
    if worst is not None:
        name, steps = worst
        yield f"the weight {shown(name)} is {steps:.1f} steps of its grid away from the fp32 one"


def _worst_weight(twin: onnx.ModelProto, graph: onnx.ModelProto) -> tuple[str, float] | None:
    """The weight that is furthest from what it should have been quantised from, in steps, if over one step."""
    originals, quantised = _weights(graph), _weights(twin)
    found = [(name, _nearest([originals[name]], *parts)) for name, parts in _named(originals, quantised)]
    found += [
        (name, _nearest(list(originals.values()), *parts)) for name, parts in _unnamed(twin, originals, quantised)
    ]
    found += [
        (name, 0.0 if np.array_equal(quantised[name], weight) else math.inf)
        for name, weight in originals.items()
        if name in quantised
    ]
    far = [(name, steps) for name, steps in found if not steps <= _STEPS]
    return max(far, key=lambda each: each[1], default=None)


def _weights(model: onnx.ModelProto) -> dict[str, Array]:
    tensors = [tensor for tensor in model.graph.initializer if not uses_external_data(tensor)]
    return {tensor.name: _array(tensor) for tensor in tensors}


def _named(originals: Mapping[str, Array], quantised: Mapping[str, Array]) -> Iterator[tuple[str, list[Array]]]:
    """What quantisers make of a weight, by the names that they give it: values, scale and zero point."""
    for name in originals:
        parts = [quantised.get(f"{name}_{part}") for part in ("quantized", "scale", "zero_point")]
        there = [part for part in parts if part is not None]
        if len(there) == len(parts):
            yield name, there


def _unnamed(
    twin: onnx.ModelProto, originals: Mapping[str, Array], quantised: Mapping[str, Array]
) -> Iterator[tuple[str, list[Array]]]:
    """The same of 8-bit weights under other names, where some weight of the original has their shape."""
    eight_bits = {t.name for t in twin.graph.initializer if t.data_type in (TensorProto.INT8, TensorProto.UINT8)}
    shapes = {shape for weight in originals.values() for shape in (weight.shape, weight.T.shape)}
    for node in twin.graph.node:
        values, scale, zero = (*node.input, "", "", "")[:3]
        taken = node.op_type == "DequantizeLinear" and values in eight_bits and scale in quantised
        if taken and values.removesuffix("_quantized") not in originals and quantised[values].shape in shapes:
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
        return float("inf")
    if scale.size > 1:  # one scale for each channel, along the first axis that has as many
        axis = next((n for n, size in enumerate(original.shape) if size == scale.size), None)
        if axis is None:
            return float("inf")
        shape = [scale.size if n == axis else 1 for n in range(original.ndim)]
        scale, zero = scale.reshape(shape), zero.reshape(shape) if zero.size == scale.size else zero
    with np.errstate(all="ignore"):
        return float(np.max(np.abs((values - zero) - original / scale), initial=0.0))
