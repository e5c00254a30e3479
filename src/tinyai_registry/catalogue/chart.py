"""The chart of a model's history: what one criterion of the gate measured in each entry of the log, as points.

Points are numbers in a box of ``WIDTH`` by ``HEIGHT``; the template draws them, so that no markup is put together here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tinyai_registry.store.log import Entry

WIDTH, HEIGHT = 640, 200
LEFT, RIGHT, TOP, BOTTOM = 72, 16, 16, 32
_ROOM = 0.1  # of the range, above and below the points


@dataclass(frozen=True)
class Point:
    """One entry of the log: where it lies in the box, and what was measured."""

    x: float
    y: float
    value: float
    passed: bool
    label: str


@dataclass(frozen=True)
class Chart:
    """The history of one criterion. ``ticks`` are heights and their values."""

    criterion: str
    points: tuple[Point, ...]
    ticks: tuple[tuple[float, str], ...]

    @property
    def line(self) -> str:
        """The points as an SVG polyline has them."""
        return " ".join(f"{p.x:g},{p.y:g}" for p in self.points)


def draw_history(entries: Sequence[Entry]) -> Chart | None:
    """The chart of the first criterion with a threshold that the last entry was judged by; None if none was ever."""
    judged = [entry for entry in entries if entry.account.gate]
    names = [criterion for criterion, _, _ in _measured(judged[-1]) if "=" in criterion] if judged else []
    found = [
        (entry, value, passed)
        for entry in judged
        for criterion, value, passed in _measured(entry)
        if criterion in names[:1]  # a criterion that was changed is another
    ]
    if not found:
        return None
    values = [value for _, value, _ in found]
    heights = _heights(values)
    points = tuple(
        Point(
            x, heights[value], value, passed, f"#{entry.number} {entry.action} {entry.account.time[:10]}: {value:.4f}"
        )
        for x, (entry, value, passed) in zip(_places(len(found)), found, strict=True)
    )
    ticks = tuple((heights[value], f"{value:.4f}") for value in sorted({min(values), max(values)}))
    return Chart(names[0], points, ticks)


def _heights(values: Sequence[float]) -> dict[float, float]:
    """Where each of ``values`` lies, from the top of the box."""
    low, high = min(values), max(values)
    room = (high - low) * _ROOM or abs(high) * _ROOM or 1.0
    low, high = low - room, high + room
    return {value: round(TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low), 1) for value in values}


def _places(count: int) -> list[float]:
    """Where each of ``count`` entries lies, from the left; one alone in the middle."""
    if count == 1:
        return [(LEFT + WIDTH - RIGHT) / 2]
    return [round(LEFT + (WIDTH - LEFT - RIGHT) * place / (count - 1), 1) for place in range(count)]


def _measured(entry: Entry) -> Iterator[tuple[str, float, bool]]:
    for verdict in entry.account.gate:
        value = verdict.get("value")
        if isinstance(value, int | float) and math.isfinite(value):
            yield str(verdict["criterion"]), float(value), bool(verdict["passed"])
