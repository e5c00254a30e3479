"""What the gate asks, and the reference model that it may ask a model to beat."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from tinyai_registry.errors import RecipeError
from tinyai_registry.recipe._checks import make_floats

Aggregation = Literal["mean", "min", "max", "spread", "median"]
Part = Literal["folds", "test", "in-sample", "seeds", "artifacts"]
Against = Literal["difference", "ratio", "previous"]

# How each part is said in words. Where there is one value only, there is nothing to aggregate.
_PARTS: Mapping[Part, str] = {
    "folds": "{aggregate} {metric} over folds",
    "test": "{metric} on the test split",
    "in-sample": "{metric} in sample",
    "seeds": "{aggregate} {metric} over seeds",
    "artifacts": "{aggregate} {metric} over artifacts",
}
_AGAINST: Mapping[Against | None, str] = {
    None: "",
    "difference": " - the reference's",
    "ratio": " / the reference's",
    "previous": " - the previous release's",
}


@dataclass(frozen=True)
class Criterion:
    """One line of the gate: an aggregate of a metric over all folds, held against a threshold.

    ``spread`` is max - min. ``part`` says what is judged, if not the folds:

    - ``test``: the final model on the test split that the scheme sets aside;
    - ``in-sample``: the final model on the rows that it was trained on;
    - ``seeds``: each member of the ensemble by itself, by its mean over the folds; the aggregate is over members;
    - ``artifacts``: the figures of the exported files, such as ``bytes``; a file that lacks the figure does not count.

    ``test`` and ``in-sample`` have one value and so nothing to aggregate. ``against`` compares with the recipe's
    reference model on the same rows, whose value is subtracted (``difference``) or divided by (``ratio``), or with what
    the ``previous`` release has recorded, which is subtracted; the first release meets such a criterion.

    >>> str(Criterion("plcc", "mean", ">=", 0.95))
    'mean PLCC over folds >= 0.95'
    >>> str(Criterion("plcc", "spread", "<=", 0.005, part="seeds"))
    'spread PLCC over seeds <= 0.005'
    >>> str(Criterion("rmse", "mean", "<=", 0.97, part="test", against="ratio"))
    "RMSE on the test split / the reference's <= 0.97"
    """

    metric: str
    aggregate: Aggregation
    relation: Literal[">=", "<="]
    threshold: float
    part: Part = "folds"
    against: Against | None = None

    def __post_init__(self) -> None:
        make_floats(self, "threshold")
        choices: dict[str, tuple[object, ...]] = {
            "aggregate": get_args(Aggregation),
            "relation": (">=", "<="),
            "part": get_args(Part),
            "against": (*get_args(Against), None),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise RecipeError(f"Criterion.{name} is {getattr(self, name)!r}, not one of {allowed}")
        if not math.isfinite(self.threshold):
            raise RecipeError(f"Criterion.threshold must be a number, not {self.threshold}")
        if self.part in ("seeds", "artifacts") and self.against in ("difference", "ratio"):
            raise RecipeError(f"Criterion: the reference model has no {self.part} to compare with")
        if self.part == "artifacts" and self.against is not None:
            raise RecipeError("Criterion: files are not compared with those of the previous release")

    def __str__(self) -> str:
        judged = _PARTS[self.part].format(aggregate=self.aggregate, metric=self.metric.upper())
        short = f"{self.threshold:g}"
        threshold = short if float(short) == self.threshold else repr(self.threshold)
        return f"{judged}{_AGAINST[self.against]} {self.relation} {threshold}"


_RELATION = re.compile(r"(?P<judged>.+) (?P<relation>>=|<=) (?P<threshold>\S+)\Z")
_JUDGED: Mapping[Part, re.Pattern[str]] = {
    part: re.compile(words.format(aggregate="(?P<aggregate>[a-z]+)", metric=r"(?P<metric>\S+)"))
    for part, words in _PARTS.items()
}


def criterion_of(words: str) -> Criterion | None:
    """The criterion that reads like this, or None: what a release records of a criterion that a plugin has added.

    >>> criterion_of("mean PLCC over folds >= 0.95") == Criterion("plcc", "mean", ">=", 0.95)
    True
    """
    found = _RELATION.match(words)
    if found is None:
        return None
    against = next((key for key, ending in _AGAINST.items() if ending and found["judged"].endswith(ending)), None)
    judged = found["judged"].removesuffix(_AGAINST[against])
    for part, pattern in _JUDGED.items():
        if match := pattern.fullmatch(judged):
            fields: dict[str, Any] = {"aggregate": "mean", **match.groupdict(), "part": part, "against": against}
            fields |= {"metric": fields["metric"].lower(), "relation": found["relation"]}
            try:
                return Criterion(threshold=float(found["threshold"]), **fields)
            except (ValueError, RecipeError):
                return None
    return None


@dataclass(frozen=True)
class MeanBy:
    """A reference model: the mean target of the training rows that share the row's value of ``column``.

    A value that no training row has gets the mean of all training rows.
    """

    column: str
