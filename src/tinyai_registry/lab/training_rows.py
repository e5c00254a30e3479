"""What fits are trained on: rows of the table, by number, standardised for each fit as it sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tinyai_registry.errors import TableError
from tinyai_registry.evaluation import Fit
from tinyai_registry.lab.blocks import blocks
from tinyai_registry.lab.derived import make_unknown
from tinyai_registry.lab.mlp import prepared
from tinyai_registry.lab.standardisation import Standardisation, standardise
from tinyai_registry.lab.table import Table
from tinyai_registry.recipe import MLP, OneHot

# Rows of one stack that are standardised once and kept. Those of more are standardised for each batch, which takes a
# fifth more time and no memory.
KEPT_BYTES = 2**28

Unknown = Sequence[tuple[OneHot, NDArray[np.bool_]]]


@dataclass(frozen=True)
class TrainingRows:
    """The rows of G ``fits``, n each, of which ``unknown`` says which are made unknown; ``scalers`` are theirs.

    ``kept`` are all of them, prepared ``[G, n, F]``, and their targets ``[G, n]``, where they are kept.
    """

    table: Table
    fits: Sequence[Fit]
    unknown: Unknown
    scalers: tuple[Standardisation, ...]
    mlp: MLP
    kept: tuple[Tensor, Tensor] | None = None

    def take(self, chosen: Tensor, rows: Tensor, target: Tensor) -> None:
        """Fill ``rows`` ``[G, b, F]`` and ``target`` ``[G, b]`` with those of the places ``chosen`` among the n."""
        if self.kept is None:
            rows.copy_(prepared(self._standardised(chosen.numpy()), self.mlp))
            target.copy_(self._target(chosen.numpy()))
        else:
            for kept, out in zip(self.kept, (rows, target), strict=True):
                torch.index_select(kept, 1, chosen, out=out)

    def kept_ready(self) -> TrainingRows:
        """The same, with all rows kept."""
        count = len(self.fits[0].rows)
        rows = torch.empty(len(self.fits), count, len(self.table.recipe.feature_order))
        for block in blocks(count):
            rows[:, block] = self._standardised(np.arange(count)[block])
        return replace(self, kept=(prepared(rows, self.mlp), self._target(np.arange(count))))

    @cached_property
    def _scaler(self) -> Standardisation:
        """Those of all fits at once, ``[G, 1, F]``."""
        stacked = ([getattr(each, name) for each in self.scalers] for name in ("mean", "std", "fill"))
        return Standardisation(*(np.stack(values)[:, None] for values in stacked))

    def _standardised(self, chosen: NDArray[np.int64]) -> Tensor:
        numbers = np.stack([fit.rows[chosen] for fit in self.fits])
        features = np.take(self.table.features.T, numbers, axis=1).transpose(1, 2, 0)  # column by column, as they lie
        features = _make_unknown(self.table, features, [(one_hot, drawn[chosen]) for one_hot, drawn in self.unknown])
        return torch.from_numpy(self._scaler.apply(features))

    def _target(self, chosen: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(np.stack([self.table.target[fit.rows[chosen]].astype(np.float32) for fit in self.fits]))


def training_rows(table: Table, fits: Sequence[Fit], unknown: Unknown, mlp: MLP, *, keep: bool) -> TrainingRows:
    """The rows of ``fits``, which draw the same.

    Raises TableError if a fit has no value at all of some feature.
    """
    made = TrainingRows(table, fits, unknown, tuple(_standardisation(table, fit, unknown) for fit in fits), mlp)
    return made.kept_ready() if keep else made


def few_enough(fits: Sequence[Fit], features: int) -> bool:
    """Whether the rows of all ``fits`` may be kept."""
    return 4 * features * sum(len(fit.rows) for fit in fits) <= KEPT_BYTES


def _standardisation(table: Table, fit: Fit, unknown: Unknown) -> Standardisation:
    recipe, features = table.recipe, _make_unknown(table, table.features[fit.rows], unknown)
    empty = np.isnan(features).all(axis=0)
    if empty.any():
        column = recipe.feature_order[empty.argmax()]
        raise TableError(f"column {column} is empty in every row that {fit.label} is trained on; a median needs values")
    return standardise(features, recipe.standardised)


def _make_unknown(table: Table, features: NDArray[np.float64], unknown: Unknown) -> NDArray[np.float64]:
    for one_hot, rows in unknown:
        features = make_unknown(table.recipe, one_hot, features, rows)
    return features
