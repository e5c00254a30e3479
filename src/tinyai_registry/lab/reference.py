"""The reference model of a recipe: what a model must beat to be worth its bytes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tinyai_registry.lab.keys import by_name
from tinyai_registry.lab.table import Table
from tinyai_registry.recipe import MeanBy


def reference_prediction(
    reference: MeanBy, table: Table, train: NDArray[np.int64], rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """What the reference, fitted on the rows ``train``, predicts for ``rows``: float64 ``[n]``, in target units."""
    values, target = table.frame[reference.column], table.target[train]
    known = pd.Series(target).groupby(values.iloc[train].reset_index(drop=True), observed=True).mean().to_dict()
    return by_name(values.iloc[rows], lambda names: names.map(known).fillna(target.mean()).to_numpy(np.float64))
