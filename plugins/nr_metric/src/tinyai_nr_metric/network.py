"""The network. Imports torch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

FILTERS, BLOCK, HIDDEN = 8, 8, 32


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
