"""What the gate asks, and the reference model that it may ask a model to beat."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Literal, get_args

from tinyai_registry.errors import RecipeError
from tinyai_registry.recipe._checks import make_floats

Aggregation = Literal["mean", "min", "max", "spread", "median"]


@dataclass(frozen=True)
class Criterion:
    """One line of the gate: an aggregate of a metric over all folds, held against a threshold.

    ``spread`` is max - min. ``part`` may be the test split of a ``HeldOut`` scheme instead of the folds; it has one
    value and so nothing to aggregate. ``against`` compares with the recipe's reference model on the same rows: its
    value is subtracted (``difference``) or divided by (``ratio``).

    >>> str(Criterion("plcc", "mean", ">=", 0.95))
    'mean PLCC over folds >= 0.95'
    >>> str(Criterion("rmse", "mean", "<=", 0.97, part="test", against="ratio"))
    "RMSE on the test split / the reference's <= 0.97"
    """

    metric: str
    aggregate: Aggregation
    relation: Literal[">=", "<="]
    threshold: float
    part: Literal["folds", "test"] = "folds"
    against: Literal["difference", "ratio"] | None = None

    def __post_init__(self) -> None:
        make_floats(self, "threshold")
        choices: dict[str, tuple[object, ...]] = {
            "aggregate": get_args(Aggregation),
            "relation": (">=", "<="),
            "part": ("folds", "test"),
            "against": ("difference", "ratio", None),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise RecipeError(f"Criterion.{name} is {getattr(self, name)!r}, not one of {allowed}")
        if not math.isfinite(self.threshold):
            raise RecipeError(f"Criterion.threshold must be a number, not {self.threshold}")

    def __str__(self) -> str:
        name = self.metric.upper()
        value = f"{self.aggregate} {name} over folds" if self.part == "folds" else f"{name} on the test split"
        other = {None: "", "difference": " - the reference's", "ratio": " / the reference's"}[self.against]
        return f"{value}{other} {self.relation} {self.threshold:g}"


_WORDS = re.compile(
    r"(?:(?P<aggregate>[a-z]+) (?P<folds_metric>\S+) over folds|(?P<test_metric>\S+) on the test split)"
    r"(?P<against>| - the reference's| / the reference's) (?P<relation>>=|<=) (?P<threshold>\S+)\Z"
)


def criterion_of(words: str) -> Criterion | None:
    """The criterion that reads like this, or None: what a release records of a criterion that a plugin has added.

    >>> criterion_of("mean PLCC over folds >= 0.95") == Criterion("plcc", "mean", ">=", 0.95)
    True
    """
    found = _WORDS.match(words)
    if found is None:
        return None
    against: dict[str, Any] = {"": None, " - the reference's": "difference", " / the reference's": "ratio"}
    fields: dict[str, Any] = {
        "metric": (found["folds_metric"] or found["test_metric"]).lower(),
        "aggregate": found["aggregate"] or "mean",
        "relation": found["relation"],
        "part": "folds" if found["folds_metric"] else "test",
        "against": against[found["against"]],
    }
    try:
        return Criterion(threshold=float(found["threshold"]), **fields)
    except (ValueError, RecipeError):
        return None


@dataclass(frozen=True)
class MeanBy:
    """A reference model: the mean target of the training rows that share the row's value of ``column``.

    A value that no training row has gets the mean of all training rows.
    """

    column: str
