"""Multilayer perceptrons of one architecture side by side: a forward pass, and a backward pass written by hand.

The networks are tiny, so that autograd's bookkeeping and fresh memory for every result cost as much as the arithmetic.
The backward pass calls the kernels that autograd would call, in its order: the gradients are the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tinyai_registry.recipe import MLP

_aten: Any = torch.ops.aten


@dataclass(frozen=True)
class Activation:
    """``apply(linear, out)`` fills ``out``, and leaves in ``linear`` what its derivative is made of.

    ``in_place`` says that this is the activation itself: ``out`` may be ``linear``.
    ``differentiate(gradient, linear)`` turns the gradient of the activation into that of ``linear``, in place.
    """

    apply: Callable[[Tensor, Tensor], Tensor]
    differentiate: Callable[[Tensor, Tensor], Tensor]
    in_place: bool = False


GELU = Activation(
    lambda linear, out: _aten.gelu.out(linear, out=out),
    lambda gradient, linear: _aten.gelu_backward.grad_input(gradient, linear, grad_input=gradient),
)
RELU = Activation(
    lambda linear, out: torch.clamp(linear, min=0, out=out),
    lambda gradient, linear: _aten.threshold_backward.grad_input(gradient, linear, 0, grad_input=gradient),
)


def _tanh(linear: Tensor, out: Tensor) -> Tensor:
    """numpy's: as near to the true value as torch's, within a unit in the last place, and an order faster."""
    np.tanh(linear.numpy(), out=out.numpy())
    return out


TANH = Activation(
    _tanh,
    lambda gradient, tanh: _aten.tanh_backward.grad_input(gradient, tanh, grad_input=gradient),
    in_place=True,
)
ACTIVATIONS: Mapping[str, Activation] = {"gelu": GELU, "relu": RELU, "tanh": TANH}


def _sigmoid(low: float, high: float) -> Activation:
    """The sigmoid scaled to (low, high).

    By way of tanh: torch.sigmoid rounds the last elements of a tensor otherwise than the rest, and a fit would depend
    on where in the stack it lies.
    """
    half = (high - low) / 2  # to halve is exact, wherever it is done

    def apply(linear: Tensor, out: Tensor) -> Tensor:
        return torch.add(linear.mul_(0.5).tanh_(), 1, out=out).mul_(half).add_(low)

    def differentiate(gradient: Tensor, tanh: Tensor) -> Tensor:
        return TANH.differentiate(gradient.mul_(half / 2), tanh)

    return Activation(apply, differentiate)


def _softplus() -> Activation:
    """``log(1 + exp(x))``, which torch.softplus rounds as torch.sigmoid rounds."""

    def apply(linear: Tensor, out: Tensor) -> Tensor:
        return torch.clamp(linear, min=0, out=out).add_(linear.abs().neg_().exp_().log1p_())

    def differentiate(gradient: Tensor, linear: Tensor) -> Tensor:
        return gradient.mul_((0.5 * linear).tanh_().mul_(0.5).add_(0.5))

    return Activation(apply, differentiate)


@dataclass(frozen=True)
class Mask:
    """The (already scaled) dropout mask of ``networks``, which lie side by side: ``values`` ``[n or 1, N, width]``."""

    networks: slice
    values: Tensor


class Perceptrons:
    """K networks on batches of N rows, and the buffers of their passes.

    ``rows`` ``[K, N, F]`` are prepared; what lies in them and in ``parameters`` when a pass begins is what counts.
    ``parameters`` alternate weights ``[K, in, out]`` and biases ``[K, 1, out]``; a layer normalisation's ``[K, 1, F]``
    stand before them. ``bounds`` is what a sigmoid brings the output into, if any. ``masks``, some for each hidden
    layer, are those of training passes. ``gradients`` is where those of the parameters go, of the same shapes.
    """

    def __init__(
        self,
        mlp: MLP,
        bounds: tuple[float, float] | None,
        rows: Tensor,
        parameters: Sequence[Tensor],
        masks: Sequence[Sequence[Mask]] = (),
        gradients: Sequence[Tensor] = (),
    ) -> None:
        self.gradients = gradients or [torch.empty(parameter.shape) for parameter in parameters]
        layers = list(zip(_pairs(parameters), _pairs(self.gradients), strict=True))
        self._rows, self._norm = rows, layers.pop(0) if mlp.layer_norm else None
        inputs = rows if self._norm is None else torch.empty_like(rows)
        self._layers: list[_Linear] = []
        for pair, slopes in layers:
            self._layers.append(_Linear(*pair, *slopes, inputs, torch.empty(*rows.shape[:2], pair[1].shape[2])))
            inputs = torch.empty_like(self._layers[-1].out)
        activation = ACTIVATIONS[mlp.activation]
        self._hidden = [
            _Hidden(activation, layer.out, following.inputs, masks[number] if masks else ())
            for number, (layer, following) in enumerate(pairwise(self._layers))
        ]
        self._output = _sigmoid(*bounds) if bounds else _softplus() if mlp.output_activation == "softplus" else None
        self._raw = self._layers[-1].out.squeeze(-1)
        self._scores = self._raw if self._output is None else torch.empty_like(self._raw)

    def forward(self) -> Tensor:
        """Outputs ``[K, N]``."""
        if self._norm is not None:
            (weight, bias), _ = self._norm
            torch.mul(self._rows, weight, out=self._layers[0].inputs).add_(bias)
        for layer, hidden in zip(self._layers, self._hidden, strict=False):
            layer.forward()
            hidden.forward()
        self._layers[-1].forward()
        return self._scores if self._output is None else self._output.apply(self._raw, self._scores)

    def backward(self, slope: Tensor) -> None:
        """Fill ``gradients``, one for each parameter, from ``slope`` ``[K, N]``, the gradient of the last outputs.

        What lies in ``slope`` is lost, and what the forward pass has left.
        """
        if self._output is not None:
            self._output.differentiate(slope, self._raw)
        self._layers[-1].backward(slope.unsqueeze(-1), further=bool(self._hidden) or self._norm is not None)
        for number in range(len(self._hidden) - 1, -1, -1):
            self._hidden[number].backward()
            self._layers[number].backward(self._hidden[number].out, further=number > 0 or self._norm is not None)
        if self._norm is not None:
            _, (weight, bias) = self._norm
            current = self._layers[0].inputs
            torch.sum(current, 1, keepdim=True, out=bias)
            torch.sum(current.mul_(self._rows), 1, keepdim=True, out=weight)


class _Hidden:
    """What stands between two layers: ``out`` are the activations of ``linear``, but for those that fall out."""

    def __init__(self, activation: Activation, linear: Tensor, out: Tensor, masks: Sequence[Mask]) -> None:
        self.out, self._linear, self._activation = out, linear, activation
        self._active = linear if activation.in_place else out
        self._masked = [(self._active[m.networks], m.values, out[m.networks]) for m in masks]

    def forward(self) -> None:
        self._activation.apply(self._linear, self._active)
        for active, mask, out in self._masked:
            torch.mul(active, mask, out=out)
        if self._active is not self.out and not self._masked:
            self.out.copy_(self._active)

    def backward(self) -> None:
        """Turn the gradient of the activations, which lies where they lay, into that of ``linear``."""
        for _, mask, out in self._masked:
            out.mul_(mask)
        self._activation.differentiate(self.out, self._linear)


class _Linear:
    """One layer ``out = inputs @ weight + bias``; the slopes are where the gradients of ``weight`` and ``bias`` go.

    With one input or one output column baddbmm takes another kernel for K = 1 than for K > 1, whose last bits differ,
    and a fit would no longer equal the same fit trained alone: such a layer is a product and a sum.
    """

    def __init__(
        self, weight: Tensor, bias: Tensor, weight_slope: Tensor, bias_slope: Tensor, inputs: Tensor, out: Tensor
    ) -> None:
        self.weight, self.bias, self.weight_slope, self.bias_slope = weight, bias, weight_slope, bias_slope
        self.inputs, self.out = inputs, out
        self.transposed, self.inputs_transposed = weight.mT, inputs.mT
        self.fan_in, self.fan_out = weight.shape[1:]
        self.products = torch.empty_like(inputs) if 1 in (self.fan_in, self.fan_out) else inputs

    def forward(self) -> None:
        if self.fan_in == 1:
            torch.mul(self.inputs, self.weight, out=self.out).add_(self.bias)
        elif self.fan_out == 1:
            torch.mul(self.inputs, self.transposed, out=self.products)
            torch.sum(self.products, -1, keepdim=True, out=self.out).add_(self.bias)
        else:
            torch.baddbmm(self.bias, self.inputs, self.weight, out=self.out)

    def backward(self, slope: Tensor, *, further: bool) -> None:
        """Fill the slopes from that of ``out``; if it goes ``further``, that of the inputs takes their place."""
        torch.sum(slope, 1, keepdim=True, out=self.bias_slope)
        if self.fan_in == 1:
            torch.sum(slope * self.inputs, 1, keepdim=True, out=self.weight_slope)
        elif self.fan_out == 1:
            torch.mul(slope, self.inputs, out=self.products)
            torch.sum(self.products, 1, keepdim=True, out=self.weight_slope.mT)
            if further:
                torch.mul(slope, self.transposed, out=self.inputs)
        else:
            torch.bmm(self.inputs_transposed, slope, out=self.weight_slope)
            if further:
                torch.bmm(slope, self.transposed, out=self.inputs)


def _pairs(tensors: Sequence[Tensor]) -> list[tuple[Tensor, Tensor]]:
    return list(zip(tensors[::2], tensors[1::2], strict=True))
