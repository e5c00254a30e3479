"""The network, and how it is trained. Imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tinyai_registry import Fit, Table

WIDTH = 12
LEARNING_RATE, BATCH, EPOCHS = 2e-3, 8, 8


class Network(nn.Module):
    """Three convolutions that say what to add to the luma."""

    def __init__(self) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(1, WIDTH, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(WIDTH, WIDTH, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(WIDTH, 1, 3, padding=1),
        )

    def forward(self, luma: Tensor) -> Tensor:
        """Luma ``[N, 1, H, W]``, 0 to 1, with less noise."""
        return torch.clamp(luma + self.residual(luma), 0, 1)


@dataclass(frozen=True)
class Trained:
    """A trained network; the graph takes luma as it is."""

    network: Network
    standardisation: None = None

    def predict(self, inputs: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float64]:
        """Luma ``[N, 1, H, W]``."""
        with torch.inference_mode():
            luma = self.network(torch.from_numpy(inputs["luma"]))
        return np.asarray(luma.numpy(), np.float64)


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
            noisy = torch.from_numpy(table.inputs(rows)["luma"])
            clean = torch.from_numpy(table.targets(rows))
            loss = (network(noisy) - clean).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return network
