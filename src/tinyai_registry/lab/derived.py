"""Columns that the table does not have: computed from those that it has, as the recipe says."""

from __future__ import annotations

from functools import singledispatch
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tinyai_registry.errors import TableError
from tinyai_registry.recipe import Constant, Derived, Log, Lookup, OneHot, Ratio, Recipe, Scaled

Columns = NDArray[np.float64]

_MODEL = "{model}"  # stands in a reason for the model that needs the column


def derive(path: Path | str, frame: pd.DataFrame, recipe: Recipe) -> None:
    """Add to ``frame``, whose index are the row numbers of the file at ``path``, every derived column of ``recipe``.

    Raises TableError, naming column and row, for a value from which one cannot be computed.
    """
    for derived in recipe.derived:
        try:
            with np.errstate(all="ignore"):
                values = _compute(derived, frame)
        except UnderivableError as error:
            row, value = frame.index[error.at], frame[error.of].iloc[[error.at]].tolist()[0]
            why = error.why.replace(_MODEL, recipe.id)
            raise TableError(f"{path}: column {error.of} has the value {value!r} in row {row}, {why}") from error
        for name, column in zip(derived.columns, values, strict=True):
            frame[name] = column


def make_unknown(recipe: Recipe, one_hot: OneHot, features: NDArray[np.float64], rows: NDArray[np.bool_]) -> Columns:
    """``features`` ``[N, F]`` in feature order, with the unknown slot of ``one_hot`` set in the rows of the mask."""
    made = features.copy()
    for name in one_hot.columns:
        made[rows, recipe.feature_order.index(name)] = float(name == one_hot.columns[-1])
    return made


class UnderivableError(Exception):
    """The row ``at`` of column ``of`` has a value from which nothing can be derived, for the reason ``why``."""

    def __init__(self, of: str, bad: NDArray[np.bool_], why: str) -> None:
        super().__init__(of)
        self.of, self.at, self.why = of, int(bad.argmax()), why


def _numbers(frame: pd.DataFrame, column: str) -> Columns:
    values: Columns = frame[column].to_numpy(np.float64)
    return values


@singledispatch
def _compute(derived: Derived, frame: pd.DataFrame) -> Columns:  # noqa: ARG001  # the rules look at it
    """``[columns, N]``."""
    raise TypeError(f"no rule computes {type(derived).__name__}")


@_compute.register
def _(derived: Lookup, frame: pd.DataFrame) -> Columns:
    numbers: Columns = np.asarray(frame[derived.of].map(dict(derived.values)), np.float64)
    _refuse(derived.of, np.isnan(numbers), f"for which {_MODEL} declares no {derived.column}")
    return numbers[None]


@_compute.register
def _(derived: Scaled, frame: pd.DataFrame) -> Columns:
    return (_numbers(frame, derived.of)[None] - derived.low) / (derived.high - derived.low)


@_compute.register
def _(derived: Log, frame: pd.DataFrame) -> Columns:
    values = _numbers(frame, derived.of)
    _refuse(derived.of, values <= 0, f"which has no logarithm, and {_MODEL} needs {derived.column}")
    logarithms: Columns = np.log(values)
    return logarithms[None]


@_compute.register
def _(derived: Ratio, frame: pd.DataFrame) -> Columns:
    whole = _numbers(frame, derived.to)
    _refuse(derived.to, whole == 0, f"and {_MODEL} divides by it for {derived.column}")
    return (_numbers(frame, derived.of) / whole)[None]


@_compute.register
def _(derived: Constant, frame: pd.DataFrame) -> Columns:
    return np.full((1, len(frame)), derived.value)


@_compute.register
def _(derived: OneHot, frame: pd.DataFrame) -> Columns:
    found = frame[derived.of]
    if pd.api.types.is_numeric_dtype(found):
        _refuse(derived.of, np.ones(len(found), bool), f"a number, and {_MODEL} tells texts apart; convert it to text")
    _refuse(derived.of, found.isna().to_numpy(), f"which is none, so no value of {_MODEL} stands for it")
    slots = found.map({value: slot for slot, value in enumerate(derived.values)}).to_numpy(np.float64)
    if derived.unknown:
        slots = np.where(np.isnan(slots), len(derived.values), slots)
    _refuse(derived.of, np.isnan(slots), f"and {_MODEL} knows: {', '.join(derived.values)}")
    return np.stack([slots == slot for slot in range(len(derived.columns))]).astype(np.float64)


def _refuse(of: str, bad: NDArray[np.bool_], why: str) -> None:
    if bad.any():
        raise UnderivableError(of, bad, why)
