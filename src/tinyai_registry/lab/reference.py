"""The reference model of a recipe: what a model must beat to be worth its bytes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinyai_registry.lab.table import Table
from tinyai_registry.recipe import MeanBy


def reference_prediction(
    reference: MeanBy, table: Table, train: NDArray[np.int64], rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """What the reference, fitted on the rows ``train``, predicts for ``rows``: float64 ``[n]``, in target units."""
    values = table.frame[reference.column]
    known = table.frame.iloc[train].groupby(reference.column, observed=True)[table.recipe.target_name].mean()
    predicted = values.iloc[rows].map(known).fillna(table.target[train].mean())
    return predicted.to_numpy(np.float64)
