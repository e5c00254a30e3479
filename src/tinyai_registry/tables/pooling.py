"""From a row for each frame to a row for each clip."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tinyai_registry.errors import LogError

Scores = NDArray[np.float64]

# libvmaf adds 1 before it inverts a score, and takes it away after (libvmaf.c, vmaf_feature_score_pooled).
_POOLS: Mapping[str, Callable[[Scores], Scores]] = {
    "mean": lambda scores: scores.mean(axis=0),
    "std": lambda scores: scores.std(axis=0),
    "min": lambda scores: scores.min(axis=0),
    "max": lambda scores: scores.max(axis=0),
    "median": lambda scores: np.median(scores, axis=0),
    "harmonic_mean": lambda scores: 1 / (1 / (scores + 1)).mean(axis=0) - 1,
}

_PERCENTILE = re.compile(r"p([1-9]?[0-9])")


def pool(scores: Scores, pools: Sequence[str]) -> Scores:
    """``scores`` ``[N, C]`` of a clip as one row ``[1, len(pools) * C]``, statistic by statistic.

    Standard deviations have ddof 0; percentiles are interpolated linearly. What is not known of one frame is not known
    of the clip: NaN stays NaN.

    >>> pool(np.array([[1.0, 0.0], [3.0, np.nan]]), ["mean", "p50"])
    array([[ 2., nan,  2., nan]])
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.concatenate([_statistic(name, scores) for name in pools])[None]


def parse_pools(words: str) -> tuple[str, ...]:
    """The statistics that ``mean,p10,…`` names. Raises LogError for one that there is not, or that is named twice."""
    names = tuple(word.strip() for word in words.split(",")) if words else ()
    for name in names:
        if name not in _POOLS and not _PERCENTILE.fullmatch(name):
            raise LogError(f"there is no statistic {name!r}; there are {', '.join(_POOLS)} and p0 to p99")
        if names.count(name) > 1:
            raise LogError(f"the statistic {name} is named twice; drop one")
    return names


def _statistic(name: str, scores: Scores) -> Scores:
    if name in _POOLS:
        return _POOLS[name](scores)
    found: Scores = np.percentile(scores, int(name[1:]), axis=0)
    return found
