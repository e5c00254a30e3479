"""What no column holds is too large for a test vector: noise that anyone can make, in any language, stands in."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tinyai_registry.files import sha256_of
from tinyai_registry.release import Noise

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX = ((np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)), (np.uint64(27), np.uint64(0x94D049BB133111EB)))
_TOP_BITS, _LAST_SHIFT = np.uint64(40), np.uint64(31)


def draw(shape: tuple[int, ...], seed: int, low: float, high: float) -> tuple[Noise, NDArray[np.float32]]:
    """Noise between ``low`` and ``high``, and what a test vector says of it."""
    values = _values(shape, seed, low, high)
    return Noise(shape, seed, low, high, sha256_of(values.astype("<f4").tobytes())), values


def make(noise: Noise) -> NDArray[np.float32]:
    """The very values that ``noise`` speaks of. Raises ValueError if they have another digest here."""
    again, values = draw(noise.shape, noise.seed, noise.low, noise.high)
    if again.sha256 != noise.sha256:
        raise ValueError(f"the noise that was made here has the digest {again.sha256}, not {noise.sha256}")
    return values


def _values(shape: tuple[int, ...], seed: int, low: float, high: float) -> NDArray[np.float32]:
    """SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014), in row-major order.

    Of each number the upper 24 bits count, which float32 holds: ``low + (high - low) * bits / 2**24``.
    """
    with np.errstate(over="ignore"):
        state = np.uint64(seed) + _GOLDEN * np.arange(1, math.prod(shape) + 1, dtype=np.uint64)
        for shift, factor in _MIX:
            state = (state ^ (state >> shift)) * factor
    bits = (state ^ (state >> _LAST_SHIFT)) >> _TOP_BITS
    return (low + (high - low) * bits.astype(np.float64) / 2**24).astype(np.float32).reshape(shape)
