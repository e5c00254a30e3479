"""What goes into the graph: named tensors, filled from columns of the table or from derived ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tinyai_registry.recipe._checks import require_tuples


@dataclass(frozen=True)
class Input:
    """One named input tensor of the graph, ``[N, len(columns)]`` float32, filled from table columns."""

    tensor: str
    columns: tuple[str, ...]

    def __post_init__(self) -> None:
        require_tuples(self, "columns")


@dataclass(frozen=True)
class Lookup:
    """A numeric column derived from a categorical one: ``values`` says which number stands for which value.

    A value of the table that is not listed is refused, never a silent zero.
    """

    column: str
    of: str
    values: tuple[tuple[str, float], ...]


def one_hot(of: str, values: Sequence[str]) -> tuple[Lookup, ...]:
    """One derived column ``<of>=<value>`` for each of ``values``: 1 where the table has that value, else 0."""
    return tuple(
        Lookup(f"{of}={chosen}", of, tuple((value, float(value == chosen)) for value in values)) for chosen in values
    )
