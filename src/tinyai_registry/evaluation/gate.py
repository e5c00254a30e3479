"""The gate: every criterion must be proved. What cannot be computed refuses."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from tinyai_registry.evaluation import Evaluation, Fold, Verdict, aggregate
from tinyai_registry.recipe import Criterion

_RELATIONS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": lambda value, threshold: value >= threshold,
    "<=": lambda value, threshold: value <= threshold,
}


def judge(evaluation: Evaluation, criteria: Sequence[Criterion]) -> tuple[Verdict, ...]:
    """One verdict for each criterion, and first of all one on whether every expected fold is there."""
    return (_judge_completeness(evaluation), *(_judge(evaluation, criterion) for criterion in criteria))


def _judge_completeness(evaluation: Evaluation) -> Verdict:
    seen = [fold.group for fold in evaluation.folds]
    expected = list(evaluation.expected_groups)
    name = f"every group held out once ({len(expected)} folds)"
    passed = bool(expected) and sorted(seen) == sorted(expected)
    if passed:
        return Verdict(name, float(len(seen)), True)
    wrong = {
        "missing": sorted(set(expected) - set(seen)),
        "not expected": sorted(set(seen) - set(expected)),
        "more than once": sorted({group for group in seen if seen.count(group) > 1}),
    }
    why = "; ".join(f"{what}: {', '.join(groups)}" for what, groups in wrong.items() if groups)
    return Verdict(name, float(len(seen)), False, why or "no folds are expected")


def _judge(evaluation: Evaluation, criterion: Criterion) -> Verdict:
    value, why = _value(evaluation, criterion)
    if value is not None and criterion.against is not None:
        other, why = _value(evaluation.reference, criterion) if evaluation.reference else (None, "no reference")
        why = f"reference: {why}" if other is None else None
        value = _compare(value, other, criterion)
    if value is None or not math.isfinite(value):
        return Verdict(str(criterion), None, False, why or "undefined")
    passed = _RELATIONS[criterion.relation](value, criterion.threshold)
    return Verdict(str(criterion), value, passed)


def _value(evaluation: Evaluation, criterion: Criterion) -> tuple[float | None, str | None]:
    """What the criterion speaks of, or ``None`` and why it does not exist."""
    if criterion.part not in ("folds", "test") or criterion.against == "previous":
        return None, "not judged yet"
    judged: Sequence[Fold] = evaluation.folds
    if criterion.part == "test":
        judged = [evaluation.test] if evaluation.test is not None else []
    over_folds = aggregate(criterion.metric, judged)
    value: float | None = over_folds.mean if criterion.part == "test" else getattr(over_folds, criterion.aggregate)
    if value is not None:
        return value, None
    missing = [fold for fold in judged if fold.metrics.values.get(criterion.metric) is None]
    reasons = [f"{fold.group}: {fold.metrics.undefined.get(criterion.metric, 'not computed')}" for fold in missing]
    why = "; ".join(reasons) or over_folds.undefined
    return None, f"{criterion.metric.upper()} is undefined ({why})"


def _compare(value: float, other: float | None, criterion: Criterion) -> float | None:
    if other is None or (criterion.against == "ratio" and other == 0):
        return None
    return value - other if criterion.against == "difference" else value / other
