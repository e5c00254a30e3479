"""The built-in model: a multilayer perceptron behind a standardisation, and many of them as one stack."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tinyai_registry.lab.standardisation import Standardisation
from tinyai_registry.recipe import MLP

ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "gelu": torch.nn.functional.gelu,
    "relu": torch.nn.functional.relu,
    "tanh": torch.tanh,
}

# What torch.nn.LayerNorm adds to the variance of a row.
LAYER_NORM_EPSILON = 1e-5


def forward(
    rows: Tensor,
    parameters: Sequence[Tensor],
    mlp: MLP,
    bounds: tuple[float, float] | None = None,
    masks: Sequence[Tensor] = (),
) -> Tensor:
    """Outputs ``[K, N]`` of K networks on K batches ``[K, N, F]`` of :func:`prepared` rows.

    ``parameters`` alternate weights ``[K, in, out]`` and biases ``[K, 1, out]``; a layer normalisation's ``[K, 1, F]``
    stand before them. ``bounds`` is what :func:`output_bounds` says; ``masks``, one for each hidden layer, are the
    (already scaled) dropout masks ``[K, N, width]`` of a training step.
    """
    act = ACTIVATIONS[mlp.activation]
    pairs = list(zip(parameters[::2], parameters[1::2], strict=True))
    if mlp.layer_norm:
        weight, bias = pairs.pop(0)
        rows = rows * weight + bias
    *hidden, (last_weight, last_bias) = pairs
    for layer, (weight, bias) in enumerate(hidden):
        rows = act(_linear(rows, weight, bias))
        if masks:
            rows = rows * masks[layer]
    linear = _linear(rows, last_weight, last_bias).squeeze(-1)
    if mlp.output_activation == "softplus":
        # Not torch's own, which rounds the last elements of a tensor otherwise than the rest (as sigmoid does).
        return linear.clamp(min=0) + torch.log1p(torch.exp(-linear.abs()))
    if bounds is None:
        return linear
    low, high = bounds
    # The sigmoid, by way of tanh: torch.sigmoid rounds the last elements of a tensor otherwise than the rest, and a
    # fit would depend on where in the stack it lies.
    return low + (high - low) * (0.5 + 0.5 * torch.tanh(0.5 * linear))


def _linear(rows: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    # With one input or one output column baddbmm takes another kernel for K = 1 than for K > 1, whose last bits
    # differ, and a fit would no longer equal the same fit trained alone.
    if weight.shape[1] == 1:
        return rows * weight + bias
    if weight.shape[2] == 1:
        return (rows * weight.mT).sum(-1, keepdim=True) + bias
    return torch.baddbmm(bias, rows, weight)


def output_bounds(mlp: MLP, target_range: tuple[float, float]) -> tuple[float, float] | None:
    """The range that a sigmoid brings the output into; None where there is no sigmoid."""
    if mlp.bounded:
        return target_range
    return (0.0, 1.0) if mlp.output_activation == "sigmoid" else None


def prepared(rows: Tensor, mlp: MLP) -> Tensor:
    """Standardised rows ``[..., F]``, softly limited and layer-normalised where ``mlp`` says so.

    The weight and bias of the layer normalisation are trained, and belong to the parameters.
    """
    if mlp.squash is not None:
        rows = mlp.squash * torch.tanh(rows / mlp.squash)
    if mlp.layer_norm:
        rows = torch.nn.functional.layer_norm(rows, rows.shape[-1:], eps=LAYER_NORM_EPSILON)
    return rows


@dataclass(frozen=True)
class TrainedMLP:
    """One trained network; what the built-in trainer returns for a fit.

    ``parameters`` are those of :func:`forward`, of one network: weights ``[in, out]`` and biases ``[1, out]``, float32.
    ``tensors`` names the inputs in graph order; ``bounds`` are those of :func:`output_bounds`.
    """

    tensors: tuple[str, ...]
    architecture: MLP
    standardisation: Standardisation
    parameters: tuple[NDArray[np.float32], ...]
    bounds: tuple[float, float] | None = None

    def predict(self, inputs: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float64]:
        """Scores ``[N]`` in target units for raw (not standardised) inputs ``[N, F]``, one for each tensor."""
        raw = np.concatenate([inputs[tensor] for tensor in self.tensors], axis=1)
        rows = prepared(torch.from_numpy(self.standardisation.apply(raw)), self.architecture)[None]
        stack = [torch.from_numpy(p)[None] for p in self.parameters]
        with torch.inference_mode():
            scores = forward(rows, stack, self.architecture, self.bounds)[0]
        return scores.numpy().astype(np.float64)
