"""What is done to the feature columns before the network: empty cells filled, then centred and scaled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyai_registry.evaluation import NEGLIGIBLE_STD


@dataclass(frozen=True)
class Standardisation:
    """``fill``, ``mean`` and ``std``, float64 ``[F]``, in feature order and feature units.

    ``fill`` stands in for an empty (NaN) cell; it is the median of the rows that the standardisation was fitted on.
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    fill: NDArray[np.float64]

    def filled(self, features: NDArray[np.floating]) -> NDArray[np.floating]:
        """``features`` ``[N, F]`` with every empty cell filled."""
        return np.where(np.isnan(features), self.fill.astype(features.dtype), features)

    def apply(self, features: NDArray[np.floating]) -> NDArray[np.float32]:
        """``(filled features - mean) / std`` in float64, returned as float32 ``[N, F]``."""
        return ((self.filled(features) - self.mean) / self.std).astype(np.float32)


def standardise(features: NDArray[np.float64]) -> Standardisation:
    """Fitted on ``features`` ``[N, F]``, after filling, with ddof 0; a column whose std is below 1e-8 is only centred.

    A column with no value at all is filled with NaN, and so refused by whoever looks at the numbers.
    """
    fill = np.nanmedian(features, axis=0)
    whole = np.where(np.isnan(features), fill, features)
    std = whole.std(axis=0)
    return Standardisation(whole.mean(axis=0), np.where(std < NEGLIGIBLE_STD, 1.0, std), fill)
