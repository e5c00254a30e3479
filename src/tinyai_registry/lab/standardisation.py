"""What is done to the feature columns before the network: empty cells filled, then centred and scaled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyai_registry.evaluation import NEGLIGIBLE_STD

# Models are fed float32, which ends at 3.4e38. A difference, and a draw ten standard deviations off, must fit too.
LARGEST = 1e37


@dataclass(frozen=True)
class Standardisation:
    """``fill``, ``mean`` and ``std``, float64 ``[F]``, in feature order and feature units.

    ``fill`` stands in for an empty (NaN) cell; it is the median of the rows that the standardisation was fitted on.
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    fill: NDArray[np.float64]

    def fill_empty(self, features: NDArray[np.floating]) -> NDArray[np.floating]:
        """``features`` ``[N, F]`` with ``fill`` in every empty cell."""
        empty = np.isnan(features)
        return np.where(empty, self.fill.astype(features.dtype), features) if empty.any() else features

    def apply(self, features: NDArray[np.floating]) -> NDArray[np.float32]:
        """``(filled features - mean) / std`` in float64, returned as float32 ``[N, F]``."""
        return ((self.fill_empty(features) - self.mean) / self.std).astype(np.float32)


def standardise(features: NDArray[np.float64], which: Sequence[bool] | None = None) -> Standardisation:
    """Fit a standardisation to ``features`` ``[N, F]``: medians, then means and standard deviations (ddof 0).

    ``which`` of the columns are standardised, by default all; the others have mean 0 and standard deviation 1. A column
    whose standard deviation is below 1e-8 is only centred. One without any value has the median NaN; the table refuses
    it.
    """
    fill = np.nanmedian(features, axis=0)
    empty = np.isnan(features)
    whole = np.where(empty, fill, features) if empty.any() else features
    std = whole.std(axis=0)
    mean, std = whole.mean(axis=0), np.where(std < NEGLIGIBLE_STD, 1.0, std)
    if which is not None:
        mean, std = np.where(which, mean, 0.0), np.where(which, std, 1.0)
    return Standardisation(mean, std, fill)
