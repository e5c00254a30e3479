"""Where two sidecars, or two graphs, do not say the same, and by how much."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyai_registry.documents.positions import escape_step
from tinyai_registry.onnxfile.arrays import to_array
from tinyai_registry.onnxfile.graph import GraphError, parse
from tinyai_registry.text import shorten

_MISSING = object()


@dataclass(frozen=True)
class Difference:
    """One place where what was released is not what was made: both in words, and their distance if they are numbers.

    ``place`` is a JSON pointer into the sidecar, or a file; ``of`` says more of it: a fold's group, a tensor.
    """

    place: str
    released: str
    made: str
    distance: float | None = None
    of: str | None = None

    def __str__(self) -> str:
        more = f" ({self.of})" if self.of else ""
        by = "" if self.distance is None else f", {self.distance:.3g} apart"
        return f"{self.place}{more}: released {self.released}, made {self.made}{by}"


def compare(place: str, released: Any, made: Any, of: str | None = None) -> Iterator[Difference]:
    """Every place below ``place`` where ``released`` is not ``made``; a key that was not released claims nothing."""
    if isinstance(released, Mapping) and isinstance(made, Mapping):
        of = str(made["group"]) if {"group", "rows"} <= made.keys() else of
        for key in released:
            yield from compare(f"{place}/{escape_step(str(key))}", released[key], made.get(key, _MISSING), of)
    elif _is_list(released) and _is_list(made) and len(released) == len(made):
        for index, (one, other) in enumerate(zip(released, made, strict=True)):
            yield from compare(f"{place}/{index}", one, other, of)
    elif _is_number(released) and _is_number(made):
        if released != made:
            yield Difference(place, repr(released), repr(made), abs(float(released) - float(made)), of)
    elif released != made or type(released) is not type(made):
        yield Difference(place, _word(released), _word(made), None, of)


def is_within(difference: Difference, tolerance: float, scale: float = 1.0) -> bool:
    """Whether it is one of two numbers that agree to ``tolerance``: of ``scale``, or of themselves if larger."""
    if difference.distance is None:
        return False
    return difference.distance <= tolerance * max(scale, abs(float(difference.released)), abs(float(difference.made)))


def compare_graphs(name: str, released: bytes | None, made: bytes) -> Difference | None:
    """The weight by which two graphs differ most, or what else sets them apart; None if they are the same bytes."""
    if released == made:
        return None
    if released is None:
        return Difference(name, "no such file", f"{len(made)} bytes")
    try:
        here, there = ({each.name: each for each in parse(data).graph.initializer} for data in (released, made))
    except GraphError as error:
        return Difference(name, shorten(str(error)), "a graph")
    found = [each for tensor in there if (each := _tensors(name, tensor, here.get(tensor), there[tensor])) is not None]
    worst = max(found, key=lambda each: np.inf if each.distance is None else each.distance, default=None)
    return worst or Difference(name, f"{len(released)} bytes", f"{len(made)} others, with the same weights")


def _tensors(name: str, tensor: str, released: Any, made: Any) -> Difference | None:
    if released is None:
        return Difference(name, "nothing", "a tensor", None, tensor)
    try:
        one, other = to_array(released), to_array(made)
    except Exception as error:  # noqa: BLE001 - the released graph may be anything; onnx raises what it likes
        return Difference(name, shorten(str(error)), "a tensor", None, tensor)
    if one.shape != other.shape or one.dtype != other.dtype:
        return Difference(name, f"{one.dtype}{list(one.shape)}", f"{other.dtype}{list(other.shape)}", None, tensor)
    if one.tobytes() == other.tobytes():
        return None
    apart = np.abs(one.astype(np.float64) - other.astype(np.float64))
    at = np.unravel_index(int(np.argmax(np.where(np.isnan(apart), np.inf, apart))), apart.shape)
    where = f"{tensor}[{', '.join(map(str, at))}]" if at else tensor
    return Difference(name, repr(one[at].item()), repr(other[at].item()), float(apart[at]), where)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _word(value: Any) -> str:
    return "nothing" if value is _MISSING else shorten(str(value))
