"""The gate: every criterion must be proved. What cannot be computed refuses."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from tinyai_registry.evaluation import Aggregate, Evaluation, Metrics, Verdict, aggregate_of
from tinyai_registry.recipe import Criterion

_RELATIONS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": lambda value, threshold: value >= threshold,
    "<=": lambda value, threshold: value <= threshold,
}

# What a criterion judges: each part of it by name.
Judged = Sequence[tuple[str, Metrics]]


def judge(evaluation: Evaluation, criteria: Sequence[Criterion], protocol: str | None = None) -> tuple[Verdict, ...]:
    """A verdict on whether each expected fold, and each seed that is asked for, is there; then one for each criterion.

    Those on artifacts are left to :func:`judge_artifacts`. ``protocol`` is the name of the one that evaluated, if any.
    """
    asked = [criterion for criterion in criteria if criterion.part != "artifacts"]
    seeds = [_judge_seeds(evaluation)] if any(criterion.part == "seeds" for criterion in asked) else []
    verdicts = (_judge_completeness(evaluation), *seeds, *(_judge(evaluation, each) for each in asked))
    return verdicts if protocol is None else tuple(verdict.under(protocol) for verdict in verdicts)


def judge_artifacts(figures: Mapping[str, Mapping[str, float]], criteria: Sequence[Criterion]) -> tuple[Verdict, ...]:
    """One verdict for each criterion on artifacts; ``figures`` are those of each file, by its name."""
    return tuple(
        _verdict(criterion, *_aggregate(criterion, _files(figures, criterion.metric)))
        for criterion in criteria
        if criterion.part == "artifacts"
    )


def _files(figures: Mapping[str, Mapping[str, float]], metric: str) -> Judged:
    """The files that have the figure, each with what it is; one that is no number is undefined."""

    def metrics(value: float) -> Metrics:
        return Metrics({metric: value}) if math.isfinite(value) else Metrics({metric: None}, {metric: f"it is {value}"})

    return [(name, metrics(values[metric])) for name, values in figures.items() if metric in values]


def _judge_completeness(evaluation: Evaluation) -> Verdict:
    seen, expected = [fold.group for fold in evaluation.folds], evaluation.expected_groups
    why = _difference(seen, expected) if expected else "no folds are expected"
    name = f"every group held out once ({len(expected)} folds)"
    return Verdict(name, float(len(seen)), why is None, why)


def _judge_seeds(evaluation: Evaluation) -> Verdict:
    """Whether every member of the ensemble is there, and was held to the same folds as the whole."""
    seen, expected = [str(seed) for seed in evaluation.seeds], [str(seed) for seed in evaluation.expected_seeds]
    as_whole = {
        seed: replace(each, expected_groups=evaluation.expected_groups) for seed, each in evaluation.seeds.items()
    }
    incomplete = {seed: _judge_completeness(each).reason for seed, each in as_whole.items()}
    reasons = [f"seed {seed}: {why}" for seed, why in incomplete.items() if why is not None]
    why = (_difference(seen, expected) or "; ".join(reasons) or None) if expected else "no seeds are expected"
    return Verdict(f"every seed evaluated ({len(expected)} seeds)", float(len(seen)), why is None, why)


def _difference(seen: Sequence[str], expected: Sequence[str]) -> str | None:
    """What is wrong with ``seen``, in words; None if it has each of ``expected`` once."""
    wrong = {
        "missing": sorted(set(expected) - set(seen)),
        "not expected": sorted(set(seen) - set(expected)),
        "more than once": sorted({each for each in seen if seen.count(each) > 1}),
    }
    return "; ".join(f"{what}: {', '.join(names)}" for what, names in wrong.items() if names) or None


def _judge(evaluation: Evaluation, criterion: Criterion) -> Verdict:
    if criterion.against == "previous" and evaluation.previous is None:
        return Verdict(str(criterion), None, True, "there is no previous release to compare with")
    value, why = _aggregate(criterion, _parts(evaluation, criterion))
    if value is not None and criterion.against is not None:
        name = "previous release" if criterion.against == "previous" else "reference"
        other = evaluation.previous if criterion.against == "previous" else evaluation.reference
        if other is None:
            return _verdict(criterion, None, f"{name}: no {name}")
        compared, why = _aggregate(criterion, _parts(other, criterion))
        why = f"{name}: {why}" if compared is None else None
        value = _compare(value, compared, criterion)
    return _verdict(criterion, value, why)


def _verdict(criterion: Criterion, value: float | None, why: str | None) -> Verdict:
    if value is None or not math.isfinite(value):
        return Verdict(str(criterion), None, False, why or "undefined")
    return Verdict(str(criterion), value, _RELATIONS[criterion.relation](value, criterion.threshold))


def _parts(evaluation: Evaluation, criterion: Criterion) -> Judged:
    """What the criterion speaks of, one by one."""
    match criterion.part:
        case "test":
            return [] if evaluation.test is None else [(evaluation.test.group, evaluation.test.metrics)]
        case "in-sample":
            return [("in sample", evaluation.in_sample)]
        case "seeds":
            return [(f"seed {seed}", _means(each, criterion.metric)) for seed, each in evaluation.seeds.items()]
        case _:
            return [(fold.group, fold.metrics) for fold in evaluation.folds]


def _means(evaluation: Evaluation, metric: str) -> Metrics:
    """The mean of ``metric`` over the folds."""
    folds: Judged = [(fold.group, fold.metrics) for fold in evaluation.folds]
    over = aggregate_of(metric, folds)
    return Metrics({metric: over.mean}, {} if over.mean is not None else {metric: _reason(metric, folds, over)})


def _aggregate(criterion: Criterion, judged: Judged) -> tuple[float | None, str | None]:
    """The value of ``criterion``, or ``None`` and why it does not exist."""
    over = aggregate_of(criterion.metric, judged)
    is_single = criterion.part in ("test", "in-sample")
    value: float | None = over.mean if is_single else getattr(over, criterion.aggregate)
    if value is not None:
        return value, None
    why = _reason(criterion.metric, judged, over) if judged or criterion.part != "artifacts" else "no artifact has it"
    return None, f"{criterion.metric.upper()} is undefined ({why})"


def _reason(metric: str, judged: Judged, over: Aggregate) -> str:
    missing = [(name, metrics) for name, metrics in judged if metrics.values.get(metric) is None]
    reasons = [f"{name}: {metrics.undefined.get(metric, 'not computed')}" for name, metrics in missing]
    return "; ".join(reasons) or over.undefined or "undefined"


def _compare(value: float, other: float | None, criterion: Criterion) -> float | None:
    if other is None or (criterion.against == "ratio" and other == 0):
        return None
    return value / other if criterion.against == "ratio" else value - other
