"""Noisy crops of the pictures that scikit-image ships, each told by its row of the table."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from skimage import color, data

PICTURES = (
    "astronaut",
    "brick",
    "camera",
    "chelsea",
    "clock",
    "coffee",
    "coins",
    "grass",
    "gravel",
    "hubble_deep_field",
    "immunohistochemistry",
    "moon",
    "page",
    "retina",
    "rocket",
)
# What tells a crop and its noise, in the order of `_noisy`.
PLACE = ["picture", "top", "left", "noise", "seed"]
SIZE = 64
KEPT = 1024  # crops that stay in memory, 16 KiB each, as every epoch asks for them again
VERSIONS = 4  # of each crop, each with noise of its own
# The weakest and the strongest noise, as powers of ten of its standard deviation; luma is 0 to 1.
WEAKEST, STRONGEST = -2.2, -0.8
# The PSNR, in dB, that scores 1, and the one that scores 5.
WORST, BEST = 15.0, 45.0


def write_table(path: Path, crops: int, seed: int = 0) -> Path:
    """A table of ``crops`` of each picture in :data:`VERSIONS` versions, written to ``path``."""
    frame = pd.DataFrame(row for number, name in enumerate(PICTURES) for row in _rows(name, crops, [seed, number]))
    frame["score"] = [_score(*place) for place in frame[PLACE].itertuples(index=False, name=None)]
    frame.to_parquet(path)
    return path


def cut(rows: pd.DataFrame) -> NDArray[np.float32]:
    """The noisy luma of each of ``rows``, ``[n, 1, SIZE, SIZE]``, 0 to 1."""
    return np.stack([_noisy(*place) for place in rows[PLACE].itertuples(index=False, name=None)])[:, None]


def _rows(name: str, crops: int, seed: list[int]) -> Iterator[dict[str, Any]]:
    generator, (height, width) = np.random.default_rng(seed), _luma(name).shape
    for crop in range(crops):
        top, left = (int(generator.integers(0, size - SIZE)) for size in (height, width))
        for version in range(VERSIONS):
            noise = float(10 ** generator.uniform(WEAKEST, STRONGEST))
            place = {"picture": name, "crop": f"{name}-{crop}", "version": version, "top": top, "left": left}
            yield place | {"noise": noise, "seed": int(generator.integers(2**31))}


@lru_cache(maxsize=len(PICTURES))
def _luma(name: str) -> NDArray[np.float64]:
    picture = getattr(data, name)()
    luma: NDArray[np.float64] = color.rgb2gray(picture) if picture.ndim > 2 else picture / 255  # noqa: PLR2004
    return luma


def _clean(picture: str, top: int, left: int) -> NDArray[np.float64]:
    return _luma(picture)[top : top + SIZE, left : left + SIZE]


@lru_cache(maxsize=KEPT)
def _noisy(picture: str, top: int, left: int, noise: float, seed: int) -> NDArray[np.float32]:
    drawn = np.random.default_rng(seed).normal(0, noise, (SIZE, SIZE))
    return np.clip(_clean(picture, top, left) + drawn, 0, 1).astype(np.float32)


def _score(picture: str, top: int, left: int, noise: float, seed: int) -> float:
    error = _noisy(picture, top, left, noise, seed) - _clean(picture, top, left)
    return float(1 + 4 * np.clip((-10 * np.log10(np.square(error).mean()) - WORST) / (BEST - WORST), 0, 1))
