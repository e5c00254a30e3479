"""The backward pass by hand against autograd: every gradient the same to the last bit."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from tinyai_registry.lab import perceptrons
from tinyai_registry.lab.perceptrons import Mask, Perceptrons
from tinyai_registry.recipe import MLP

VARIANTS = {
    "gelu": MLP((32, 16), "gelu"),
    "relu": MLP((32, 16), "relu"),
    "tanh": MLP((32, 16), "tanh"),
    "dropout": MLP((64, 64), "gelu", dropout=0.2),
    "dropout and tanh": MLP((16, 16), "tanh", dropout=0.2),
    "dropout and relu": MLP((16, 16), "relu", dropout=0.2),
    "one layer": MLP((48,), "gelu"),
    "layer normalisation": MLP((16, 16), "gelu", layer_norm=True),
    "bounded": MLP((16, 16), "gelu", bounded=True),
    "softplus": MLP((16, 16), "relu", output_activation="softplus"),
}
COUNT, ROWS = 3, 32


class Tanh(torch.autograd.Function):
    """numpy's, with torch's derivative."""

    @staticmethod
    def forward(ctx, linear):
        tanh = torch.from_numpy(np.tanh(linear.detach().numpy()))
        ctx.save_for_backward(tanh)
        return tanh

    @staticmethod
    def backward(ctx, gradient):
        return torch.ops.aten.tanh_backward(gradient, *ctx.saved_tensors)


PLAIN = {"gelu": torch.nn.functional.gelu, "relu": torch.relu, "tanh": Tanh.apply}


def test_tanh_is_as_near_to_the_truth_as_torch_s():
    values = torch.linspace(-12, 12, 100_001)
    true = torch.tanh(values.double())
    unit = torch.finfo(torch.float32).eps * true.abs() / 2
    ours = perceptrons.TANH.apply(values.clone(), torch.empty_like(values))
    assert ((ours - true).abs() <= 2 * unit).all()
    assert ours.abs().max() <= 1


def linear(rows, weight, bias):
    if weight.shape[1] == 1:
        return rows * weight + bias
    if weight.shape[2] == 1:
        return (rows * weight.mT).sum(-1, keepdim=True) + bias
    return torch.baddbmm(bias, rows, weight)


def plain(mlp, bounds, rows, parameters, masks):
    """The forward pass as autograd likes it."""
    pairs = list(zip(parameters[::2], parameters[1::2], strict=True))
    if mlp.layer_norm:
        weight, bias = pairs.pop(0)
        rows = rows * weight + bias
    *hidden, last = pairs
    for number, pair in enumerate(hidden):
        rows = PLAIN[mlp.activation](linear(rows, *pair))
        if masks:
            rows = rows * masks[number]
    scores = linear(rows, *last).squeeze(-1)
    if mlp.output_activation == "softplus":
        return scores.clamp(min=0) + torch.log1p(torch.exp(-scores.abs()))
    if bounds is None:
        return scores
    low, high = bounds
    return low + (high - low) * (0.5 + 0.5 * torch.tanh(0.5 * scores))


def drawn(mlp, features, seed=0):
    """Rows, parameters, masks and targets of COUNT networks."""
    generator = torch.Generator().manual_seed(seed)
    widths = (features, *mlp.hidden, 1)
    shapes = [(1, features)] * 2 * mlp.layer_norm
    for fan_in, fan_out in pairwise(widths):
        shapes += [(fan_in, fan_out), (1, fan_out)]
    parameters = [torch.randn(COUNT, *shape, generator=generator) for shape in shapes]
    masks = [
        torch.empty(COUNT, ROWS, width).bernoulli_(1 - mlp.dropout, generator=generator) / (1 - mlp.dropout)
        for width in mlp.hidden
        if mlp.dropout
    ]
    rows = torch.randn(COUNT, ROWS, features, generator=generator)
    return rows, parameters, masks, torch.randn(COUNT, ROWS, generator=generator)


def of_all(masks):
    """A mask of each layer for each network."""
    return [[Mask(slice(0, COUNT), mask)] for mask in masks]


# A recipe that normalises one feature is refused.
CASES = {f"{name}, {n} features": (mlp, n) for name, mlp in VARIANTS.items() for n in (6, 1) if n > mlp.layer_norm}


@pytest.mark.parametrize(("mlp", "features"), CASES.values(), ids=CASES)
def test_scores_and_gradients_are_those_of_autograd(mlp, features):
    rows, parameters, masks, target = drawn(mlp, features)
    bounds = (1.0, 5.0) if mlp.bounded else None
    networks = Perceptrons(mlp, bounds, rows, parameters, of_all(masks))
    followed = [parameter.clone().requires_grad_() for parameter in parameters]
    for _ in range(2):  # the buffers of a pass leave nothing behind
        expected = plain(mlp, bounds, rows, followed, masks)
        gradients = torch.autograd.grad((expected - target).square().sum(), followed)
        scores = networks.forward()
        assert torch.equal(scores, expected.detach())
        networks.backward((scores - target) * 2)
        for number, (ours, theirs) in enumerate(zip(networks.gradients, gradients, strict=True)):
            if mlp.output_activation == "softplus" or mlp.layer_norm:
                torch.testing.assert_close(ours, theirs, msg=f"parameter {number}")
            else:
                assert torch.equal(ours, theirs), f"parameter {number}"


def test_a_pass_takes_what_rows_and_parameters_hold_when_it_begins():
    mlp = VARIANTS["gelu"]
    rows, parameters, masks, _ = drawn(mlp, 6)
    networks = Perceptrons(mlp, None, rows, parameters, of_all(masks))
    before = networks.forward().clone()
    rows.mul_(2)
    parameters[0].add_(1)
    after = networks.forward()
    assert not torch.equal(before, after)
    assert torch.equal(after, Perceptrons(mlp, None, rows, parameters, of_all(masks)).forward())


def test_networks_may_share_a_mask():
    mlp = VARIANTS["dropout"]
    rows, parameters, masks, _ = drawn(mlp, 6)
    shared = [[Mask(slice(0, 2), mask[:1]), Mask(slice(2, 3), mask[2:])] for mask in masks]
    spread = [mask[[0, 0, 2]] for mask in masks]
    one, other = (Perceptrons(mlp, None, rows, parameters, each) for each in (shared, of_all(spread)))
    assert torch.equal(one.forward(), other.forward())
    for networks in (one, other):
        networks.backward(torch.ones(COUNT, ROWS))
    assert all(map(torch.equal, one.gradients, other.gradients))
