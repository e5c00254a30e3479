"""The built-in model: a multilayer perceptron behind a standardisation, and many of them as one stack."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tinyai_registry.lab.standardisation import Standardisation

ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "gelu": torch.nn.functional.gelu,
    "relu": torch.nn.functional.relu,
    "tanh": torch.tanh,
}


def forward(
    rows: Tensor,
    parameters: Sequence[Tensor],
    activation: str,
    bounds: tuple[float, float] | None = None,
    masks: Sequence[Tensor] = (),
) -> Tensor:
    """Outputs ``[K, N]`` of K networks on K batches ``[K, N, F]``.

    ``parameters`` alternate weights ``[K, in, out]`` and biases ``[K, 1, out]``; ``bounds`` is the range that the
    output is squashed into, if any; ``masks``, one for each hidden layer, are the (already scaled) dropout masks
    ``[K, N, width]`` of a training step.
    """
    act = ACTIVATIONS[activation]
    *hidden, (last_weight, last_bias) = zip(parameters[::2], parameters[1::2], strict=True)
    for layer, (weight, bias) in enumerate(hidden):
        rows = act(_linear(rows, weight, bias))
        if masks:
            rows = rows * masks[layer]
    linear = _linear(rows, last_weight, last_bias).squeeze(-1)
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


def limit_softly(rows: Tensor, squash: float | None) -> Tensor:
    """Standardised features, softly limited to (-squash, squash); as they are if that is None."""
    return rows if squash is None else squash * torch.tanh(rows / squash)


@dataclass(frozen=True)
class TrainedMLP:
    """One trained network; what the built-in trainer returns for a fit.

    ``parameters`` alternate weights ``[in, out]`` and biases ``[1, out]``, float32. ``tensors`` names the
    inputs in graph order.
    """

    tensors: tuple[str, ...]
    activation: str
    standardisation: Standardisation
    parameters: tuple[NDArray[np.float32], ...]
    squash: float | None = None
    bounds: tuple[float, float] | None = None

    def predict(self, inputs: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float64]:
        """Scores ``[N]`` in target units for raw (not standardised) inputs ``[N, F]``, one for each tensor."""
        raw = np.concatenate([inputs[tensor] for tensor in self.tensors], axis=1)
        rows = limit_softly(torch.from_numpy(self.standardisation.apply(raw)), self.squash)[None]
        stack = [torch.from_numpy(p)[None] for p in self.parameters]
        with torch.inference_mode():
            scores = forward(rows, stack, self.activation, self.bounds)[0]
        return scores.numpy().astype(np.float64)
