"""What goes into the graph: named tensors, filled from columns of the table or from derived ones."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from tinyai_registry.errors import RecipeError
from tinyai_registry.recipe._checks import make_floats, require_tuples

UNKNOWN = "unknown"

_SIDECAR_KEY = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")


@dataclass(frozen=True)
class Input:
    """One named input tensor of the graph, ``[N, len(columns)]`` float32, filled from table columns.

    ``standardise`` is False for columns that the network is to see as they are: a one-hot stays 0 or 1. The sidecar
    lists the columns under ``sidecar_key``, too, if there is one.
    """

    tensor: str
    columns: tuple[str, ...]
    standardise: bool = True
    sidecar_key: str | None = None

    def __post_init__(self) -> None:
        require_tuples(self, "columns")
        _require_sidecar_key(self.sidecar_key)


@dataclass(frozen=True)
class Tensor:
    """A tensor that no column holds, ``[N, *shape]`` float32: the owner's ``tinyai_inputs`` gives it for rows.

    It may be an input of the graph, or what the model is to give. ``of`` are the columns of the table that tell the
    hook where its values come from; they are read as they are, and no feature is made of them.
    """

    tensor: str
    shape: tuple[int, ...]
    of: tuple[str, ...] = ()

    columns: ClassVar[tuple[str, ...]] = ()
    standardise: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require_tuples(self, "shape", "of")
        if not self.shape or min(self.shape) < 1:
            raise RecipeError(
                f"Tensor.shape must be one or more positive sizes, not {self.shape}; the batch comes before"
            )


@dataclass(frozen=True)
class Lookup:
    """A numeric column derived from a categorical one: ``values`` says which number stands for which value.

    A value of the table that is not listed is refused, never a silent zero.
    """

    column: str
    of: str
    values: tuple[tuple[str, float], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The one column that it makes."""
        return (self.column,)


@dataclass(frozen=True)
class Scaled:
    """The column ``of``, brought from ``low`` to ``high`` to 0 to 1: ``(of - low) / (high - low)``, not clipped.

    With a ``sidecar_key`` K the sidecar says ``K_norm: "minmax"``, ``K_min`` and ``K_max``.
    """

    column: str
    of: str
    low: float
    high: float
    sidecar_key: str | None = None

    def __post_init__(self) -> None:
        make_floats(self, "low", "high")
        if not 0 < self.high - self.low < math.inf:
            raise RecipeError(f"Scaled.high must lie above Scaled.low, both finite: {self}")
        _require_sidecar_key(self.sidecar_key)

    @property
    def columns(self) -> tuple[str, ...]:
        """The one column that it makes."""
        return (self.column,)


@dataclass(frozen=True)
class Log:
    """The natural logarithm of the column ``of``; a value that is not positive is refused."""

    column: str
    of: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The one column that it makes."""
        return (self.column,)


@dataclass(frozen=True)
class Ratio:
    """The column ``of``, divided by the column ``to``; a row in which that is 0 is refused."""

    column: str
    of: str
    to: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The one column that it makes."""
        return (self.column,)


@dataclass(frozen=True)
class Constant:
    """A column that is ``value`` in every row: what the table does not tell, and the runtime asks for.

    With a ``sidecar_key`` K the sidecar says ``K_norm: "constant"`` and ``K_value``.
    """

    column: str
    value: float
    sidecar_key: str | None = None

    def __post_init__(self) -> None:
        make_floats(self, "value")
        if not math.isfinite(self.value):
            raise RecipeError(f"Constant.value must be a number, not {self.value}")
        _require_sidecar_key(self.sidecar_key)

    @property
    def columns(self) -> tuple[str, ...]:
        """The one column that it makes."""
        return (self.column,)


@dataclass(frozen=True)
class OneHot:
    """A column ``<of>=<value>`` for each of ``values``: 1 where the table has that value, else 0.

    A value of the table that is not listed is refused. With ``unknown`` it goes into one more column at the end,
    ``<of>=unknown``, as in a runtime that maps what it does not know to the last. ``unknown_share`` of each fit's
    training rows are drawn as unknown, once and from the fit's generator: a slot that no row ever used has weights
    that nobody trained. With a ``sidecar_key`` K the sidecar lists the values, ``unknown`` last, under K, and
    ``version`` under ``K_version``.

    >>> OneHot("codec", ("x264", "x265"), unknown=True).columns
    ('codec=x264', 'codec=x265', 'codec=unknown')
    """

    of: str
    values: tuple[str, ...]
    unknown: bool = False
    unknown_share: float = 0.0
    sidecar_key: str | None = None
    version: int | None = None

    def __post_init__(self) -> None:
        require_tuples(self, "values")
        make_floats(self, "unknown_share")
        if not self.values or len(set(self.vocabulary)) != len(self.vocabulary):
            raise RecipeError(f"OneHot({self.of!r}) must list one or more values, each once: {self.vocabulary}")
        if not 0.0 <= self.unknown_share < 1.0:
            raise RecipeError(f"OneHot.unknown_share must lie in [0, 1), not {self.unknown_share}")
        if self.unknown_share and not self.unknown:
            raise RecipeError(f"OneHot({self.of!r}) draws rows as unknown and has no slot for them; say unknown=True")
        _require_sidecar_key(self.sidecar_key)

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The values in order, ``unknown`` last if there is such a slot."""
        return (*self.values, UNKNOWN) if self.unknown else self.values

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it makes, in the order of ``vocabulary``."""
        return tuple(f"{self.of}={value}" for value in self.vocabulary)


Derived = Lookup | Scaled | Log | Ratio | Constant | OneHot


def one_hot(of: str, values: Sequence[str]) -> tuple[Lookup, ...]:
    """One derived column ``<of>=<value>`` for each of ``values``: 1 where the table has that value, else 0."""
    return tuple(
        Lookup(f"{of}={chosen}", of, tuple((value, float(value == chosen)) for value in values)) for chosen in values
    )


def sources(derived: Derived) -> tuple[str, ...]:
    """The columns that ``derived`` is computed from."""
    match derived:
        case Constant():
            return ()
        case Ratio():
            return (derived.of, derived.to)
        case _:
            return (derived.of,)


def numeric_sources(derived: Derived) -> tuple[str, ...]:
    """Those of them that it computes with; of the others it looks at the text."""
    return sources(derived) if isinstance(derived, Scaled | Log | Ratio) else ()


def announced(noun: Input | Tensor | Derived) -> dict[str, Any]:
    """What ``noun`` has the sidecar say at its top, by key: the keys under which a runtime reads it."""
    match noun:
        case Input(sidecar_key=str(key)):
            return {key: list(noun.columns)}
        case OneHot(sidecar_key=str(key)):
            version = {} if noun.version is None else {f"{key}_version": noun.version}
            return {key: list(noun.vocabulary), **version}
        case Scaled(sidecar_key=str(key)):
            return {f"{key}_norm": "minmax", f"{key}_min": noun.low, f"{key}_max": noun.high}
        case Constant(sidecar_key=str(key)):
            return {f"{key}_norm": "constant", f"{key}_value": noun.value}
        case _:
            return {}


def _require_sidecar_key(key: str | None) -> None:
    if key is not None and not _SIDECAR_KEY.match(key):
        raise RecipeError(f"sidecar_key {key!r} must match {_SIDECAR_KEY.pattern}")
