"""Columns that the table does not have: computed from those that it has, as the recipe says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import singledispatch
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tinyai_registry.errors import TableError
from tinyai_registry.lab.keys import by_name
from tinyai_registry.recipe import Constant, Derived, Log, Lookup, OneHot, Ratio, Recipe, Scaled

Column = NDArray[np.float64]

_MODEL = "{model}"  # stands in a reason for the model that needs the column


def derive(path: Path | str, frame: pd.DataFrame, recipe: Recipe) -> Iterator[tuple[str, Column]]:
    """Every derived column of ``recipe``, ``[N]``; the index of ``frame`` are the row numbers of the file at ``path``.

    Each is to be in ``frame`` before the next is asked for, which may be made of it. Raises TableError, naming column
    and row, for a value from which one cannot be computed.
    """
    for derived in recipe.derived:
        try:
            with np.errstate(all="ignore"):
                columns = _compute(derived, frame)
        except UnderivableError as error:
            row, value = frame.index[error.at], frame[error.of].iloc[[error.at]].tolist()[0]
            why = error.why.replace(_MODEL, recipe.id)
            raise TableError(f"{path}: column {error.of} has the value {value!r} in row {row}, {why}") from error
        yield from zip(derived.columns, columns, strict=True)


def make_unknown(
    recipe: Recipe, one_hot: OneHot, features: NDArray[np.float64], rows: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """``features`` ``[..., N, F]`` in feature order, the unknown slot of ``one_hot`` set in the rows of the mask."""
    made = features.copy()
    for name in one_hot.columns:
        made[..., rows, recipe.feature_order.index(name)] = float(name == one_hot.columns[-1])
    return made


class UnderivableError(Exception):
    """The row ``at`` of column ``of`` has a value from which nothing can be derived, for the reason ``why``."""

    def __init__(self, of: str, bad: NDArray[np.bool_], why: str) -> None:
        super().__init__(of)
        self.of, self.at, self.why = of, int(bad.argmax()), why


def _numbers(frame: pd.DataFrame, column: str) -> Column:
    values: Column = frame[column].to_numpy(np.float64)
    return values


@singledispatch
def _compute(derived: Derived, frame: pd.DataFrame) -> Iterable[Column]:  # noqa: ARG001  # the rules look at it
    """Each of its columns, ``[N]``."""
    raise TypeError(f"no rule computes {type(derived).__name__}")


@_compute.register
def _(derived: Lookup, frame: pd.DataFrame) -> Iterable[Column]:
    known = dict(derived.values)
    numbers = by_name(frame[derived.of], lambda found: np.asarray(found.map(known), np.float64))
    _refuse(
        derived.of,
        frame[derived.of].isna().to_numpy() | np.isnan(numbers),
        f"for which {_MODEL} declares no {derived.column}",
    )
    return [numbers]


@_compute.register
def _(derived: Scaled, frame: pd.DataFrame) -> Iterable[Column]:
    return [(_numbers(frame, derived.of) - derived.low) / (derived.high - derived.low)]


@_compute.register
def _(derived: Log, frame: pd.DataFrame) -> Iterable[Column]:
    values = _numbers(frame, derived.of)
    _refuse(derived.of, values <= 0, f"which has no logarithm, and {_MODEL} needs {derived.column}")
    return [np.log(values)]


@_compute.register
def _(derived: Ratio, frame: pd.DataFrame) -> Iterable[Column]:
    whole = _numbers(frame, derived.to)
    _refuse(derived.to, whole == 0, f"and {_MODEL} divides by it for {derived.column}")
    return [_numbers(frame, derived.of) / whole]


@_compute.register
def _(derived: Constant, frame: pd.DataFrame) -> Iterable[Column]:
    return [np.full(len(frame), derived.value)]


@_compute.register
def _(derived: OneHot, frame: pd.DataFrame) -> Iterable[Column]:
    found = frame[derived.of]
    if pd.api.types.is_numeric_dtype(found):
        _refuse(derived.of, np.ones(len(found), bool), f"a number, and {_MODEL} tells texts apart; convert it to text")
    _refuse(derived.of, found.isna().to_numpy(), f"which is none, so no value of {_MODEL} stands for it")
    known = {value: slot for slot, value in enumerate(derived.values)}
    slots = by_name(found, lambda names: names.map(known).to_numpy(np.float64))
    if not derived.unknown:
        _refuse(derived.of, np.isnan(slots), f"and {_MODEL} knows: {', '.join(derived.values)}")
    slots = np.nan_to_num(slots, nan=len(derived.values))
    return ((slots == slot).astype(np.float64) for slot in range(len(derived.columns)))


def _refuse(of: str, bad: NDArray[np.bool_], why: str) -> None:
    if bad.any():
        raise UnderivableError(of, bad, why)
