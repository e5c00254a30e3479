"""Mean and standard deviation of the feature columns, and what is done with them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NEGLIGIBLE_STD = 1e-8


@dataclass(frozen=True)
class Standardisation:
    """``mean`` and ``std``, float64 ``[F]``, in feature order and feature units."""

    mean: NDArray[np.float64]
    std: NDArray[np.float64]

    def apply(self, features: NDArray[np.floating]) -> NDArray[np.float32]:
        """``(features - mean) / std`` in float64, returned as float32 ``[N, F]``."""
        return ((features - self.mean) / self.std).astype(np.float32)

    def invert(self, standardised: NDArray[np.floating]) -> NDArray[np.float32]:
        """The features ``[N, F]``, float32, that standardise to the given ones."""
        return (standardised * self.std + self.mean).astype(np.float32)


def standardise(features: NDArray[np.float64]) -> Standardisation:
    """Fitted on ``features`` ``[N, F]`` with ddof 0; a column whose std is below 1e-8 is only centred."""
    std = features.std(axis=0)
    return Standardisation(features.mean(axis=0), np.where(std < NEGLIGIBLE_STD, 1.0, std))
