"""How well a model did: metrics of each fold, their aggregates, the gate's verdicts, the caveats.

Plain data, filled by the lab and written by the documents. An undefined number is ``None`` beside the
reason; NaN has no place here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tinyai_registry.evaluation._fits import HeldOutRows
from tinyai_registry.recipe import Protocol

STANDARD_METRICS = ("plcc", "srocc", "krocc", "rmse")


@dataclass(frozen=True)
class Metrics:
    """Metric values by name; where a value is ``None``, ``undefined`` has the reason under the same name."""

    values: Mapping[str, float | None]
    undefined: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in self.values.items():
            if value is not None and not math.isfinite(value):
                raise ValueError(f"metric {name} is {value}; an undefined metric is None with a reason")


@dataclass(frozen=True)
class Fold:
    """One held-out part: ``group`` names it, ``tied_targets`` is the share of rows whose target is not unique."""

    group: str
    rows: int
    clips: int
    tied_targets: float
    metrics: Metrics


@dataclass(frozen=True)
class Aggregate:
    """One metric over all folds; ``std`` is the sample standard deviation (ddof 1).

    ``spread`` is max - min. All are ``None`` where any fold is undefined: a fold that is dropped before the mean is
    a fold that hides.
    """

    mean: float | None
    std: float | None
    min: float | None
    max: float | None
    median: float | None
    spread: float | None
    undefined: str | None = None


@dataclass(frozen=True)
class Evaluation:
    """One cross-validation, and the final model on the rows that it was trained on.

    ``test`` is the final model on the test split, where the scheme sets one aside; ``reference`` is the recipe's
    reference model, judged on the same rows. ``seeds`` has each member of an ensemble judged by itself, by its seed;
    ``expected_seeds`` are those that there should be. ``previous`` is what the release before has recorded, where the
    gate compares with it; None if this is the first. ``predictions_sha256`` is the digest of all held-out predictions,
    as little-endian float64 in the order of the table's rows. ``corpora`` has all that the folds hold out, corpus by
    corpus, where the table has several; a corpus of which no row is held out is not among them.
    ``held_out`` are the predictions themselves, fold by fold, where the evaluation was not read back from a document.
    """

    folds: tuple[Fold, ...]
    expected_groups: tuple[str, ...]
    summary: Mapping[str, Aggregate]
    in_sample: Metrics
    test: Fold | None = None
    reference: Evaluation | None = None
    seeds: Mapping[int, Evaluation] = field(default_factory=dict)
    expected_seeds: tuple[int, ...] = ()
    previous: Evaluation | None = None
    predictions_sha256: str | None = None
    corpora: tuple[Fold, ...] = ()
    held_out: tuple[HeldOutRows, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True)
class ProtocolResult:
    """A further evaluation under a protocol: what it gave, beside what was published for it."""

    protocol: Protocol
    evaluation: Evaluation


def aggregate(name: str, folds: Iterable[Fold]) -> Aggregate:
    """Mean, std (ddof 1), min and max of one metric over ``folds``; all null if it is undefined anywhere."""
    return aggregate_of(name, [(fold.group, fold.metrics) for fold in folds])


def aggregate_of(name: str, parts: Sequence[tuple[str, Metrics]]) -> Aggregate:
    """The same over the metrics of any parts, each with what it is called."""
    missing = [part for part, metrics in parts if metrics.values.get(name) is None]
    if not parts or missing:
        return _undefined(f"undefined in {', '.join(missing)}" if parts else "there are no folds")
    values = sorted(value for _, metrics in parts if (value := metrics.values[name]) is not None)
    middle = values[(len(values) - 1) // 2 : len(values) // 2 + 1]
    try:
        mean, median = math.fsum(values) / len(values), math.fsum(middle) / len(middle)
        squares = math.fsum((value - mean) ** 2 for value in values)
    except OverflowError:
        return _undefined("its sum is beyond the range of float64")
    std = math.sqrt(squares / (len(values) - 1)) if len(values) > 1 else None
    return Aggregate(mean, std, values[0], values[-1], median, values[-1] - values[0])


def _undefined(why: str) -> Aggregate:
    return Aggregate(None, None, None, None, None, None, why)
