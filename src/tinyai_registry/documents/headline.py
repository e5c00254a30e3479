"""What one line says of a release: when it was made, how well it does, whether it is trusted, what else ships.

Read from row and sidecar as they lie there. Nobody has checked them, so whatever has an unexpected shape is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tinyai_registry.text import shorten

Json = Mapping[str, Any]

NOTHING: Json = {}
# Where a release was judged by several metrics, the first of these that it has stands for it.
_FIRST = ("plcc", "srocc", "krocc", "rmse")
MOST = 24


@dataclass(frozen=True)
class Score:
    """The mean of one ``metric`` over the folds."""

    metric: str
    value: float

    def __str__(self) -> str:
        return f"{shorten(self.metric.upper(), MOST)} {self.value:.4f}"


@dataclass(frozen=True)
class Headline:
    """``released`` is UTC, ISO 8601; ``twin`` is how the int8 twin was quantised. What nobody recorded is None."""

    released: str | None
    score: Score | None
    stage: str | None
    twin: str | None


def read_headline(row: Json, sidecar: Json) -> Headline:
    """The headline of the release that ``row`` and ``sidecar`` describe. What others claim to have measured is none."""
    mode = row.get("quant_mode", sidecar.get("quant_mode"))
    quantised = isinstance(mode, str) and mode != "fp32"
    return Headline(
        released=_text(_object(sidecar.get("provenance")).get("time")),
        score=read_score(sidecar),
        stage=_text(sidecar.get("stage")),
        twin=mode if quantised else "unused" if "int8_sha256" in row else None,
    )


def read_score(said: Json) -> Score | None:
    """The score that a sidecar, or the report of a refresh, has evidence for."""
    summary = _object(_object(said.get("evaluation")).get("summary"))
    known = [metric for metric in (*_FIRST, *sorted(summary)) if metric in summary]
    means = ((metric, _object(summary[metric]).get("mean")) for metric in known)
    return next((Score(metric, mean) for metric, mean in means if isinstance(mean, int | float)), None)


def _object(value: Any) -> Json:
    return value if isinstance(value, dict) else NOTHING


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
