"""Multilayer perceptrons of one architecture side by side: a forward pass, and a backward pass written by hand.

The networks are tiny, so that autograd's bookkeeping and fresh memory for every result cost as much as the arithmetic.
The backward pass calls the kernels that autograd would call, in its order: the gradients are the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tinyai_registry.recipe import MLP

_aten: Any = torch.ops.aten


@dataclass(frozen=True)
class Activation:
    """``apply(linear, out)`` fills ``out``, and may leave in ``linear`` what its derivative is made of.

    ``differentiate(gradient, linear)`` turns the gradient of the activation into that of ``linear``, in place.
    """

    apply: Callable[[Tensor, Tensor], Tensor]
    differentiate: Callable[[Tensor, Tensor], Tensor]


GELU = Activation(
    lambda linear, out: _aten.gelu.out(linear, out=out),
    lambda gradient, linear: _aten.gelu_backward.grad_input(gradient, linear, grad_input=gradient),
)
RELU = Activation(
    lambda linear, out: torch.clamp(linear, min=0, out=out),
    lambda gradient, linear: _aten.threshold_backward.grad_input(gradient, linear, 0, grad_input=gradient),
)
TANH = Activation(
    lambda linear, out: out.copy_(linear.tanh_()),
    lambda gradient, tanh: _aten.tanh_backward.grad_input(gradient, tanh, grad_input=gradient),
)
ACTIVATIONS: Mapping[str, Activation] = {"gelu": GELU, "relu": RELU, "tanh": TANH}


def _sigmoid(low: float, high: float) -> Activation:
    """The sigmoid scaled to (low, high).

    By way of tanh: torch.sigmoid rounds the last elements of a tensor otherwise than the rest, and a fit would depend
    on where in the stack it lies.
    """

    def apply(linear: Tensor, out: Tensor) -> Tensor:
        return torch.mul(linear.mul_(0.5).tanh_(), 0.5, out=out).add_(0.5).mul_(high - low).add_(low)

    def differentiate(gradient: Tensor, tanh: Tensor) -> Tensor:
        gradient.mul_(high - low).mul_(0.5)
        return TANH.differentiate(gradient, tanh).mul_(0.5)

    return Activation(apply, differentiate)


def _softplus() -> Activation:
    """``log(1 + exp(x))``, which torch.softplus rounds as torch.sigmoid rounds."""

    def apply(linear: Tensor, out: Tensor) -> Tensor:
        return torch.clamp(linear, min=0, out=out).add_(linear.abs().neg_().exp_().log1p_())

    def differentiate(gradient: Tensor, linear: Tensor) -> Tensor:
        return gradient.mul_((0.5 * linear).tanh_().mul_(0.5).add_(0.5))

    return Activation(apply, differentiate)


class Perceptrons:
    """K networks on batches of N rows, and the buffers of their passes.

    ``rows`` ``[K, N, F]`` are prepared; what lies in them and in ``parameters`` when a pass begins is what counts.
    ``parameters`` alternate weights ``[K, in, out]`` and biases ``[K, 1, out]``; a layer normalisation's ``[K, 1, F]``
    stand before them. ``bounds`` is what a sigmoid brings the output into, if any. ``masks``, one for each hidden
    layer, are the (already scaled) dropout masks ``[K, N, width]`` of training passes.
    """

    def __init__(
        self,
        mlp: MLP,
        bounds: tuple[float, float] | None,
        rows: Tensor,
        parameters: Sequence[Tensor],
        masks: Sequence[Tensor] = (),
    ) -> None:
        layers = list(zip(parameters[::2], parameters[1::2], strict=True))
        count, size, _ = rows.shape
        self._rows, self._masks = rows, masks
        self._norm = layers.pop(0) if mlp.layer_norm else None
        self._linear = [torch.empty(count, size, bias.shape[2]) for _, bias in layers]
        self._inputs = [rows if self._norm is None else torch.empty_like(rows)]
        self._inputs += [torch.empty_like(linear) for linear in self._linear[:-1]]
        self._slopes = [torch.empty_like(inputs) for inputs in self._inputs]
        self._layers = [
            _Linear(*pair, inputs, slope, out)
            for pair, inputs, slope, out in zip(layers, self._inputs, self._slopes, self._linear, strict=True)
        ]
        self._activation = ACTIVATIONS[mlp.activation]
        self._output = _sigmoid(*bounds) if bounds else _softplus() if mlp.output_activation == "softplus" else None
        self._raw = self._linear[-1].squeeze(-1)
        self._scores = self._raw if self._output is None else torch.empty_like(self._raw)
        self.gradients = [torch.empty(parameter.shape) for parameter in parameters]

    def forward(self) -> Tensor:
        """Outputs ``[K, N]``."""
        if self._norm is not None:
            weight, bias = self._norm
            torch.mul(self._rows, weight, out=self._inputs[0]).add_(bias)
        for number, layer in enumerate(self._layers):
            layer.forward()
            if number < len(self._layers) - 1:
                hidden = self._activation.apply(layer.out, self._inputs[number + 1])
                if self._masks:
                    hidden.mul_(self._masks[number])
        return self._scores if self._output is None else self._output.apply(self._raw, self._scores)

    def backward(self, slope: Tensor) -> None:
        """Fill ``gradients``, one for each parameter, from ``slope`` ``[K, N]``, the gradient of the last outputs.

        What lies in ``slope`` is lost.
        """
        if self._output is not None:
            self._output.differentiate(slope, self._raw)
        current, norms = slope.unsqueeze(-1), 2 * (self._norm is not None)
        for number in range(len(self._layers) - 1, -1, -1):
            weight, bias = self.gradients[norms + 2 * number : norms + 2 * number + 2]
            self._layers[number].backward(current, weight, bias, further=number > 0 or self._norm is not None)
            current = self._slopes[number]
            if number > 0:
                if self._masks:
                    current.mul_(self._masks[number - 1])
                self._activation.differentiate(current, self._linear[number - 1])
        if self._norm is not None:
            torch.sum(current, 1, keepdim=True, out=self.gradients[1])
            torch.sum(current.mul_(self._rows), 1, keepdim=True, out=self.gradients[0])


class _Linear:
    """One layer ``out = inputs @ weight + bias``; ``slope`` is where the gradient of ``inputs`` goes.

    With one input or one output column baddbmm takes another kernel for K = 1 than for K > 1, whose last bits differ,
    and a fit would no longer equal the same fit trained alone: such a layer is a product and a sum.
    """

    def __init__(self, weight: Tensor, bias: Tensor, inputs: Tensor, slope: Tensor, out: Tensor) -> None:
        self.weight, self.bias, self.inputs, self.slope, self.out = weight, bias, inputs, slope, out
        self.transposed, self.inputs_transposed = weight.mT, inputs.mT
        self.fan_in, self.fan_out = weight.shape[1:]

    def forward(self) -> None:
        if self.fan_in == 1:
            torch.mul(self.inputs, self.weight, out=self.out).add_(self.bias)
        elif self.fan_out == 1:
            torch.mul(self.inputs, self.transposed, out=self.slope)
            torch.sum(self.slope, -1, keepdim=True, out=self.out).add_(self.bias)
        else:
            torch.baddbmm(self.bias, self.inputs, self.weight, out=self.out)

    def backward(self, slope: Tensor, weight: Tensor, bias: Tensor, *, further: bool) -> None:
        """Fill the gradients ``weight`` and ``bias``, and that of the inputs if it goes ``further``."""
        torch.sum(slope, 1, keepdim=True, out=bias)
        if self.fan_in == 1:
            torch.sum(slope * self.inputs, 1, keepdim=True, out=weight)
        elif self.fan_out == 1:
            torch.mul(slope, self.inputs, out=self.slope)
            torch.sum(self.slope, 1, keepdim=True, out=weight.view(-1, 1, self.fan_in))
            torch.mul(slope, self.transposed, out=self.slope)
        else:
            torch.bmm(self.inputs_transposed, slope, out=weight)
            if further:
                torch.bmm(slope, self.transposed, out=self.slope)
