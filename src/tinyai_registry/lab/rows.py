"""Which rows of a table a condition of the recipe chooses."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tinyai_registry.errors import TableError
from tinyai_registry.lab.keys import by_name
from tinyai_registry.recipe import Where

_RELATIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def choose(frame: pd.DataFrame, where: Where) -> NDArray[np.bool_]:
    """For each row of ``frame``, ``[N]``, whether ``where`` holds; an empty cell is in no relation to anything.

    Raises TableError where the column has text and the condition numbers, or the other way round.
    """
    return by_name(frame[where.column], lambda column: _holds(column, where))


def _holds(column: pd.Series[Any], where: Where) -> NDArray[np.bool_]:
    numeric = pd.api.types.is_numeric_dtype(column)
    asked = where.value[0] if isinstance(where.value, tuple) else where.value
    if numeric is isinstance(asked, str):
        kind = "numbers" if numeric else "text"
        raise TableError(f"column {where.column} has {kind}, and the recipe asks for the rows where {where}")
    if where.relation == "in":
        holds = column.isin(np.atleast_1d(where.value))
    else:
        holds = _RELATIONS[where.relation](column, where.value) & column.notna()
    return holds.to_numpy(bool)
