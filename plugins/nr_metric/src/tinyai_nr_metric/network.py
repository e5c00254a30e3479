"""The network, and how it is trained. Imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from tinyai_registry import Fit, Table

FILTERS, BLOCK, HIDDEN = 8, 8, 32
LEARNING_RATE, BATCH, EPOCHS = 1e-2, 16, 24


class Network(nn.Module):
    """A few filters, the logarithm of how strong their response is in each block, and a small perceptron.

    The calmest block tells noise from texture: noise is everywhere.
    """

    def __init__(self) -> None:
        super().__init__()
        self.filters = nn.Conv2d(1, FILTERS, 3, bias=False)
        self.head = nn.Sequential(nn.Linear(2 * FILTERS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1))

    def forward(self, luma: Tensor) -> Tensor:
        """Scores ``[N]``, 1 to 5, of luma ``[N, 1, H, W]``, 0 to 1."""
        blocks = functional.avg_pool2d(self.filters(luma).abs(), BLOCK)
        strengths = torch.log(blocks + 1e-3) + 3  # about zero on average
        both = torch.cat([strengths.mean((2, 3)), strengths.amin((2, 3))], dim=1)
        scores: Tensor = 1 + 4 * torch.sigmoid(self.head(both)).squeeze(1)
        return scores


@dataclass(frozen=True)
class Trained:
    """A trained network; the graph takes luma as it is."""

    network: Network
    standardisation: None = None

    def predict(self, inputs: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float64]:
        """Scores ``[N]``."""
        with torch.inference_mode():
            scores = self.network(torch.from_numpy(inputs["luma"]))
        return np.asarray(scores.numpy(), np.float64)


def train(table: Table, fit: Fit) -> Trained:
    """One network, with Adam on the mean squared error; every batch of crops is cut when it is needed."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(fit.seed)
        torch.set_num_threads(1)  # so that sums are added up in one order everywhere
        try:
            return Trained(_train(table, fit, Network()).eval())
        finally:
            torch.set_num_threads(threads)


def _train(table: Table, fit: Fit, network: Network) -> Network:
    optimiser = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    for _ in range(EPOCHS):
        for chosen in torch.split(torch.randperm(len(fit.rows)), BATCH):
            rows = fit.rows[chosen.numpy()]
            luma = torch.from_numpy(table.inputs(rows)["luma"])
            target = torch.from_numpy(table.targets(rows).astype(np.float32))
            loss = (network(luma) - target).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return network
