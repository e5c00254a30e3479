"""The gate: every criterion must be proved. What cannot be computed refuses."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from tinyai_registry.evaluation import Evaluation, Verdict, aggregate
from tinyai_registry.recipe import Criterion

_RELATIONS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": lambda value, threshold: value >= threshold,
    "<=": lambda value, threshold: value <= threshold,
}


def judge(evaluation: Evaluation, criteria: Sequence[Criterion]) -> tuple[Verdict, ...]:
    """One verdict for each criterion, and first of all one on whether every expected fold is there."""
    return (_completeness(evaluation), *(_judge(evaluation, criterion) for criterion in criteria))


def _completeness(evaluation: Evaluation) -> Verdict:
    seen = [fold.group for fold in evaluation.folds]
    expected = list(evaluation.expected_groups)
    name = f"every group held out once ({len(expected)} folds)"
    passed = bool(expected) and sorted(seen) == sorted(expected)
    if passed:
        return Verdict(name, float(len(seen)), True)
    missing = ", ".join(sorted(set(expected) - set(seen))) or "none missing"
    return Verdict(name, float(len(seen)), False, f"{len(seen)} of {len(expected)} folds; {missing}")


def _judge(evaluation: Evaluation, criterion: Criterion) -> Verdict:
    over_folds = aggregate(criterion.metric, evaluation.folds)
    value: float | None = getattr(over_folds, criterion.aggregate)
    if value is None or not math.isfinite(value):
        reasons = {
            f"{fold.group}: {fold.metrics.undefined.get(criterion.metric, 'not computed')}"
            for fold in evaluation.folds
            if fold.metrics.values.get(criterion.metric) is None
        }
        why = "; ".join(sorted(reasons)) or over_folds.undefined or "not finite"
        return Verdict(str(criterion), None, False, f"{criterion.metric.upper()} is undefined ({why})")
    passed = _RELATIONS[criterion.relation](value, criterion.threshold)
    return Verdict(str(criterion), value, passed)
