"""The release: what one refresh makes, and what the registry takes in whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tinyai_registry.files import sha256_of

# Worst difference between a model and its file in a runtime, as a share of the target range.
PARITY = 1e-4


@dataclass(frozen=True)
class Noise:
    """Values that anyone can make again, row-major float32 of ``shape``, the batch included; see ``lab/noise.py``.

    ``sha256`` is that of their bytes, little-endian.
    """

    shape: tuple[int, ...]
    seed: int
    low: float
    high: float
    sha256: str


@dataclass(frozen=True)
class Sampled:
    """Some ``values`` of an output of ``shape``, the batch included, at these ``positions`` in row-major order."""

    shape: tuple[int, ...]
    positions: Sequence[int]
    values: Sequence[float]


@dataclass(frozen=True)
class Vector:
    """A few rows on which a model that was loaded can be tried.

    ``inputs`` are what the graph itself is fed, ``outputs`` what it gives for that, both by tensor and in decimals that
    are read back as the same float32; another machine's outputs may be ``tolerance`` off, in target units. What no
    column holds is fed noise, and of an output that is no score there are some values.
    """

    inputs: Mapping[str, Sequence[Sequence[float]] | Noise]
    outputs: Mapping[str, Sequence[float] | Sampled]
    tolerance: float


@dataclass(frozen=True)
class Artifact:
    """A file that ships. ``parity_max_abs`` is the worst difference, in target units, between it and the model.

    ``measured`` is what else was measured of it, by name, for criteria of the gate on artifacts. ``parameters`` is how
    many numbers its weights are, where that was counted.
    """

    path: str
    data: bytes
    opset: int
    parity_max_abs: float
    vector: Vector
    measured: Mapping[str, float] = field(default_factory=dict)
    parameters: int | None = None

    @property
    def figures(self) -> Mapping[str, float]:
        """What criteria on artifacts may ask: ``bytes``, ``parity_max_abs``, and what was measured."""
        return {"bytes": float(len(self.data)), "parity_max_abs": self.parity_max_abs, **self.measured}

    @cached_property
    def sha256(self) -> str:
        """Of ``data``, in hex."""
        return sha256_of(self.data)


@dataclass(frozen=True)
class Description:
    """What a plugin adds to a release of its own.

    ``extra`` goes into the sidecar, and ``schema``, a JSON Schema that describes it, is published beside the model,
    so that CI checks it without the plugin. ``sections`` are further sections of the card, by heading, written
    as CardText is.
    """

    extra: Mapping[str, Any] = field(default_factory=dict)
    schema: Mapping[str, Any] = field(default_factory=dict)
    sections: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Release:
    """Artifacts, sidecars, rows and card of one model, ready to be committed.

    ``files`` maps names inside the registry folder to bytes, in the order in which they are to appear there;
    ``rows`` are the model's own and those of its members; ``withdrawn`` names the files of the release before that
    this one makes untrue; ``restores`` is the number of the log entry that a rollback goes back to. ``previous_id`` is
    what the model was called until now; ``amended`` names keys of the rows that are set as they stand here, though they
    are their owner's. Without rows and files it is the release that takes the model away.
    """

    model: str
    files: Mapping[str, bytes]
    rows: tuple[Mapping[str, Any], ...]
    withdrawn: tuple[str, ...] = ()
    restores: int | None = None
    previous_id: str | None = None
    amended: tuple[str, ...] = ()
