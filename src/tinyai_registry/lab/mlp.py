"""The built-in model: a multilayer perceptron behind a standardisation, and many of them as one stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tinyai_registry.lab.perceptrons import Perceptrons
from tinyai_registry.lab.standardisation import Standardisation
from tinyai_registry.recipe import MLP

# What torch.nn.LayerNorm adds to the variance of a row.
LAYER_NORM_EPSILON = 1e-5


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

    ``parameters`` are those of one of :class:`Perceptrons`: weights ``[in, out]`` and biases ``[1, out]``, float32.
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
        parameters = [torch.from_numpy(p)[None] for p in self.parameters]
        with torch.inference_mode():
            scores = Perceptrons(self.architecture, self.bounds, rows, parameters).forward()[0]
        return scores.numpy().astype(np.float64)
