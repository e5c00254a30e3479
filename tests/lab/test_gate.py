"""The gate passes what is proved, and nothing else."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyai_registry.evaluation import Evaluation, Fold, Metrics, aggregate
from tinyai_registry.lab.gate import judge
from tinyai_registry.recipe import Criterion

MEAN_PLCC = Criterion("plcc", "mean", ">=", 0.95)
VALUE = st.none() | st.floats(-1, 1)


def fold(group, **values):
    undefined = {name: "the target is constant" for name, value in values.items() if value is None}
    return Fold(group, 10, 1, 0.0, Metrics(values, undefined))


def evaluation(*folds, expected=None):
    groups = tuple(f.group for f in folds) if expected is None else tuple(expected)
    return Evaluation(folds, groups, {"plcc": aggregate("plcc", folds)}, Metrics({}))


def passed(of, *criteria):
    return [verdict.passed for verdict in judge(of, criteria)]


def test_what_is_proved_passes_and_its_value_is_recorded():
    complete, verdict = judge(evaluation(fold("a", plcc=0.96), fold("b", plcc=0.98)), [MEAN_PLCC])
    assert (complete.criterion, complete.value, complete.passed) == (
        "every group held out once (2 folds)",
        2.0,
        True,
    )
    assert verdict.criterion == "mean PLCC over folds >= 0.95"
    assert verdict.value == pytest.approx(0.97)
    assert (verdict.passed, verdict.reason) == (True, None)


def test_what_falls_short_is_refused_and_its_value_is_recorded():
    _, verdict = judge(evaluation(fold("a", plcc=0.90), fold("b", plcc=0.98)), [MEAN_PLCC])
    assert verdict.value == pytest.approx(0.94)
    assert verdict.passed is False


AT_BOUNDARY = {
    "mean at least": (Criterion("plcc", "mean", ">=", 0.75), (0.5, 1.0), True),
    "mean just short": (Criterion("plcc", "mean", ">=", math.nextafter(0.75, 1)), (0.5, 1.0), False),
    "mean at most": (Criterion("plcc", "mean", "<=", 0.75), (0.5, 1.0), True),
    "mean just over": (Criterion("plcc", "mean", "<=", math.nextafter(0.75, 0)), (0.5, 1.0), False),
    "every fold at least": (Criterion("plcc", "min", ">=", 0.5), (0.5, 1.0), True),
    "one fold short": (Criterion("plcc", "min", ">=", 0.6), (0.5, 1.0), False),
    "every fold at most": (Criterion("plcc", "max", "<=", 1.0), (0.5, 1.0), True),
    "one fold over": (Criterion("plcc", "max", "<=", 0.9), (0.5, 1.0), False),
}


@pytest.mark.parametrize(("criterion", "values", "passes"), AT_BOUNDARY.values(), ids=AT_BOUNDARY)
def test_a_threshold_itself_passes(criterion, values, passes):
    of = evaluation(*(fold(str(k), plcc=value) for k, value in enumerate(values)))
    assert passed(of, criterion) == [True, passes]


@pytest.mark.parametrize("aggregate_name", ["mean", "min", "max"])
def test_one_undefined_fold_refuses_and_is_named_with_its_reason(aggregate_name):
    of = evaluation(fold("a", plcc=0.99), fold("b", plcc=None))
    _, verdict = judge(of, [Criterion("plcc", aggregate_name, ">=", -1.0)])
    assert (verdict.passed, verdict.value) == (False, None)
    assert verdict.reason == "PLCC is undefined (b: the target is constant)"


def test_a_metric_that_no_one_computed_refuses():
    _, verdict = judge(evaluation(fold("a", plcc=0.99)), [Criterion("mae", "mean", "<=", 9.0)])
    assert (verdict.passed, verdict.value) == (False, None)
    assert verdict.reason == "MAE is undefined (a: not computed)"


def test_a_threshold_of_nan_is_never_met():
    class Unchecked(Criterion):
        def __post_init__(self):
            """Without the recipe's own refusal: the gate's is the last one."""

    for relation in (">=", "<="):
        of = evaluation(fold("a", plcc=0.99))
        assert passed(of, Unchecked("plcc", "mean", relation, math.nan)) == [True, False]


FOLDS = [fold("Ash", plcc=0.99), fold("Birch", plcc=0.99), fold("Cedar", plcc=0.99)]
INCOMPLETE = {
    "a missing fold": (FOLDS[:2], ["Ash", "Birch", "Cedar"], "2 of 3 folds", "Cedar"),
    "a fold held out twice": ([*FOLDS, FOLDS[0]], ["Ash", "Birch", "Cedar"], "4 of 3 folds", "Ash"),
    "a fold in another's place": ([*FOLDS[:2], FOLDS[1]], ["Ash", "Birch", "Cedar"], "3 of 3 folds", "Cedar"),
    "a fold that no one expected": (FOLDS, ["Ash", "Birch"], "3 of 2 folds", "Cedar"),
    "no fold at all": ([], ["Ash", "Birch"], "0 of 2 folds", "Ash, Birch"),
    "an evaluation of nothing": ([], [], "0 of 0 folds", ""),
}


@pytest.mark.parametrize(("folds", "expected", "count", "named"), INCOMPLETE.values(), ids=INCOMPLETE)
def test_folds_other_than_expected_refuse_and_are_named(folds, expected, count, named):
    complete, *_ = judge(evaluation(*folds, expected=expected), [MEAN_PLCC])
    assert (complete.passed, complete.value) == (False, len(folds))
    assert count in complete.reason
    assert named in complete.reason


def test_an_empty_evaluation_proves_nothing():
    verdicts = judge(evaluation(), [Criterion("plcc", "min", ">=", -1.0), Criterion("rmse", "max", "<=", 1e9)])
    assert [(v.passed, bool(v.reason)) for v in verdicts] == [(False, True)] * 3


def test_every_criterion_has_its_verdict_in_order():
    criteria = [MEAN_PLCC, Criterion("rmse", "max", "<=", 5.0), Criterion("plcc", "min", ">=", 0.99)]
    of = evaluation(fold("a", plcc=0.97, rmse=5.0), fold("b", plcc=0.96, rmse=6.0))
    verdicts = judge(of, criteria)
    assert [v.criterion for v in verdicts[1:]] == [str(c) for c in criteria]
    assert [v.passed for v in verdicts] == [True, True, False, False]


@given(
    st.lists(VALUE, max_size=6),
    st.sampled_from(["mean", "min", "max"]),
    st.sampled_from([">=", "<="]),
    st.floats(-1, 1),
)
def test_a_verdict_that_passed_has_a_finite_value_that_satisfies_its_relation(values, how, relation, threshold):
    of = evaluation(*(fold(f"g{k}", plcc=value) for k, value in enumerate(values)))
    complete, verdict = judge(of, [Criterion("plcc", how, relation, threshold)])
    assert complete.passed is bool(values)
    provable = bool(values) and None not in values
    assert (verdict.value is not None) is provable
    assert verdict.passed or not provable or verdict.value != threshold
    if verdict.passed:
        assert math.isfinite(verdict.value)
        assert verdict.value >= threshold if relation == ">=" else verdict.value <= threshold
    else:
        assert bool(verdict.reason) is not provable
