"""Which rows of a table are meant: those whose value of a column stands in a relation to a given one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from tinyai_registry.errors import RecipeError

Relation = Literal["==", "!=", "<", "<=", ">", ">=", "in"]

# Which of them a text can stand in: an order of words is the alphabet's, and nobody means that.
_OF_TEXT = ("==", "!=", "in")


@dataclass(frozen=True)
class Where:
    """The rows whose value of ``column`` stands in ``relation`` to ``value``: text, a number, or for ``in`` a tuple.

    >>> str(Where("codec", "in", ("x264", "x265")))
    "codec in ('x264', 'x265')"
    """

    column: str
    relation: Relation
    value: str | float | tuple[str | float, ...]

    def __post_init__(self) -> None:
        if self.relation not in get_args(Relation):
            raise RecipeError(f"Where.relation is {self.relation!r}, not one of {get_args(Relation)}")
        if isinstance(self.value, tuple) != (self.relation == "in") or not self.values:
            raise RecipeError(f"Where takes a tuple of values with 'in', else one value: {self}")
        if len({isinstance(value, str) for value in self.values}) != 1:
            raise RecipeError(f"Where takes texts or numbers, not both: {self}")
        if isinstance(self.values[0], str) and self.relation not in _OF_TEXT:
            raise RecipeError(f"Where compares texts by {', '.join(_OF_TEXT)}: {self}")
        # 1 and 1.0 are equal, so they must have one fingerprint too.
        plain = tuple(value if isinstance(value, str) else _number(value) for value in self.values)
        object.__setattr__(self, "value", plain if self.relation == "in" else plain[0])

    @property
    def values(self) -> tuple[str | float, ...]:
        """``value``, or each of them."""
        return self.value if isinstance(self.value, tuple) else (self.value,)

    def __str__(self) -> str:
        return f"{self.column} {self.relation} {self.value!r}"


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise RecipeError(f"Where compares with a text or a number, not with {value!r}")
    return float(value)
