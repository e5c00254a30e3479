"""How a cross-validation scheme cuts a table into folds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch

import numpy as np
from numpy.typing import NDArray

from tinyai_registry.errors import TableError
from tinyai_registry.lab.table import Table
from tinyai_registry.model import Fit
from tinyai_registry.recipe import KFold, LeaveOneGroupOut, Scheme


@dataclass(frozen=True)
class Split:
    """One fold: its name, and the row numbers, int64, that are held out; all others are trained on."""

    group: str
    held_out: NDArray[np.int64]


def splits(table: Table) -> list[Split]:
    """The folds of the recipe's scheme on ``table``, in a fixed order."""
    return _split(table.recipe.folds, table)


def fits(table: Table, folds: list[Split]) -> list[Fit]:
    """One fit for each fold on the rows that it does not hold out, and the final one on all rows."""
    everything = np.arange(len(table.target))
    seed = table.recipe.seed
    held_out_fits = [
        Fit(fold.group, np.setdiff1d(everything, fold.held_out, assume_unique=True), seed) for fold in folds
    ]
    return [*held_out_fits, Fit("final", everything, seed)]


@singledispatch
def _split(scheme: Scheme, table: Table) -> list[Split]:
    raise TypeError(f"no rule splits a table by {type(scheme).__name__}")


@_split.register
def _(scheme: LeaveOneGroupOut, table: Table) -> list[Split]:
    return [Split(group, np.flatnonzero(table.groups == group)) for group in table.fingerprint.groups]


@_split.register
def _(scheme: KFold, table: Table) -> list[Split]:
    rows = len(table.target)
    if rows < scheme.folds:
        raise TableError(f"{rows} rows cannot be cut into {scheme.folds} folds")
    shuffled = np.random.default_rng(scheme.seed).permutation(rows)
    parts = np.array_split(shuffled, scheme.folds)
    return [Split(f"fold-{k}", np.sort(part)) for k, part in enumerate(parts, start=1)]
