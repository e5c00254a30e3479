"""The gate passes what is proved, and nothing else."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyai_registry.evaluation import Evaluation, Fold, Metrics, aggregate
from tinyai_registry.evaluation.gate import judge, judge_artifacts
from tinyai_registry.recipe import Criterion

MEAN_PLCC = Criterion("plcc", "mean", ">=", 0.95)
AGGREGATES = ("mean", "min", "max", "spread", "median")
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
    "folds as far apart as allowed": (Criterion("plcc", "spread", "<=", 0.5), (0.75, 0.5, 1.0), True),
    "folds just too far apart": (Criterion("plcc", "spread", "<=", math.nextafter(0.5, 0)), (0.75, 0.5, 1.0), False),
    "median at least": (Criterion("plcc", "median", ">=", 0.75), (0.75, 0.0, 1.0), True),
    "median just short": (Criterion("plcc", "median", ">=", math.nextafter(0.75, 1)), (0.75, 0.0, 1.0), False),
    "median of an even count": (Criterion("plcc", "median", ">=", 0.75), (0.0, 0.5, 1.0, 1.0), True),
}


@pytest.mark.parametrize(("criterion", "values", "passes"), AT_BOUNDARY.values(), ids=AT_BOUNDARY)
def test_a_threshold_itself_passes(criterion, values, passes):
    of = evaluation(*(fold(str(k), plcc=value) for k, value in enumerate(values)))
    assert passed(of, criterion) == [True, passes]


@pytest.mark.parametrize("aggregate_name", AGGREGATES)
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
    "a missing fold": (FOLDS[:2], ["Ash", "Birch", "Cedar"], "missing: Cedar"),
    "a fold held out twice": ([*FOLDS, FOLDS[0]], ["Ash", "Birch", "Cedar"], "more than once: Ash"),
    "a fold in another's place": (
        [*FOLDS[:2], FOLDS[1]],
        ["Ash", "Birch", "Cedar"],
        "missing: Cedar; more than once: Birch",
    ),
    "a fold that no one expected": (FOLDS, ["Ash", "Birch"], "not expected: Cedar"),
    "no fold at all": ([], ["Ash", "Birch"], "missing: Ash, Birch"),
    "an evaluation of nothing": ([], [], "no folds are expected"),
}


@pytest.mark.parametrize(("folds", "expected", "why"), INCOMPLETE.values(), ids=INCOMPLETE)
def test_folds_other_than_expected_refuse_and_are_named(folds, expected, why):
    complete, *_ = judge(evaluation(*folds, expected=expected), [MEAN_PLCC])
    assert (complete.passed, complete.value) == (False, len(folds))
    assert complete.reason == why


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
    st.sampled_from(AGGREGATES),
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


# --- the test split, and the reference


def beside(reference, **more):
    """An evaluation of PLCC 0.9 and RMSE 6 in both folds and 0.8 and 7 in the test split, beside ``reference``."""
    own = evaluation(fold("a", plcc=0.9, rmse=6.0), fold("b", plcc=0.9, rmse=6.0))
    return replace(own, test=fold("test", plcc=0.8, rmse=7.0), reference=reference, **more)


REFERENCE = replace(
    evaluation(fold("a", plcc=0.8, rmse=8.0), fold("b", plcc=0.7, rmse=8.0)), test=fold("test", plcc=0.75, rmse=10.0)
)
PARTS = {
    "the test split by itself": (Criterion("plcc", "mean", ">=", 0.8, part="test"), 0.8, True),
    "the test split and not the folds": (Criterion("plcc", "mean", ">=", 0.85, part="test"), 0.8, False),
    "a difference that is reached": (Criterion("plcc", "mean", ">=", 0.149, against="difference"), 0.15, True),
    "a difference that is not": (Criterion("plcc", "mean", ">=", 0.151, against="difference"), 0.15, False),
    "a ratio that is reached": (Criterion("rmse", "mean", "<=", 0.75, against="ratio"), 0.75, True),
    "a ratio that is not": (Criterion("rmse", "mean", "<=", 0.74, against="ratio"), 0.75, False),
    "a difference of minima": (Criterion("plcc", "min", ">=", 0.19, against="difference"), 0.2, True),
    "a difference on the test split": (Criterion("plcc", "mean", ">=", 0.06, "test", "difference"), 0.05, False),
    "a ratio on the test split": (Criterion("rmse", "mean", "<=", 0.7, "test", "ratio"), 0.7, True),
}


@pytest.mark.parametrize(("criterion", "value", "passes"), PARTS.values(), ids=PARTS)
def test_a_criterion_speaks_of(criterion, value, passes):
    [verdict] = judge(beside(REFERENCE), [criterion])[1:]
    assert (verdict.value, verdict.passed) == (pytest.approx(value), passes)
    assert verdict.reason is None


UNPROVED = {
    "no reference": (None, "folds", "reference: no reference"),
    "an undefined reference": (
        evaluation(fold("a", plcc=0.1), fold("b", plcc=None)),
        "folds",
        "reference: PLCC is undefined (b: the target is constant)",
    ),
    "a reference without a test split": (replace(REFERENCE, test=None), "test", "there are no folds"),
    "a test split of the reference that is undefined": (
        replace(REFERENCE, test=fold("test", plcc=None)),
        "test",
        "reference: PLCC is undefined (test: the target is constant)",
    ),
}


@pytest.mark.parametrize("against", ["difference", "ratio"])
@pytest.mark.parametrize("relation", [">=", "<="])
@pytest.mark.parametrize(("reference", "part", "why"), UNPROVED.values(), ids=UNPROVED)
def test_a_comparison_that_cannot_be_made_refuses_in_either_direction(reference, part, why, relation, against):
    [verdict] = judge(beside(reference), [Criterion("plcc", "mean", relation, 0.0, part, against)])[1:]
    assert (verdict.passed, verdict.value) == (False, None)
    assert why in verdict.reason


@pytest.mark.parametrize("relation", [">=", "<="])
def test_a_ratio_by_zero_refuses_and_a_difference_from_zero_does_not(relation):
    flawless = evaluation(fold("a", rmse=0.0), fold("b", rmse=0.0))
    ratio, difference = judge(
        beside(flawless),
        [
            Criterion("rmse", "mean", relation, 0.97, against="ratio"),
            Criterion("rmse", "mean", "<=", 6.0, against="difference"),
        ],
    )[1:]
    assert (ratio.passed, ratio.value) == (False, None)
    assert ratio.reason
    assert (difference.passed, difference.value) == (True, 6.0)


@pytest.mark.parametrize("part", ["folds", "test"])
def test_an_own_value_that_is_undefined_refuses_whatever_the_reference(part):
    own = replace(beside(REFERENCE), folds=(fold("a", plcc=None), fold("b", plcc=0.9)), test=fold("test", plcc=None))
    verdict = judge(own, [Criterion("plcc", "mean", ">=", -2.0, part, "difference")])[-1]
    assert (verdict.passed, verdict.value) == (False, None)
    assert "the target is constant" in verdict.reason


def test_a_test_split_that_is_not_there_refuses():
    [verdict] = judge(replace(beside(REFERENCE), test=None), [Criterion("plcc", "mean", ">=", -2.0, part="test")])[1:]
    assert (verdict.passed, verdict.value) == (False, None)
    assert verdict.reason


@pytest.mark.parametrize("relation", [">=", "<="])
def test_a_ratio_that_no_float_holds_refuses_in_either_direction(relation):
    nearly_flawless = evaluation(fold("a", rmse=5e-324), fold("b", rmse=5e-324))
    [verdict] = judge(beside(nearly_flawless), [Criterion("rmse", "mean", relation, 0.97, against="ratio")])[1:]
    assert (verdict.passed, verdict.value) == (False, None)
    assert verdict.reason


@pytest.mark.parametrize("how", AGGREGATES)
@pytest.mark.parametrize("relation", [">=", "<="])
def test_folds_whose_sum_no_float_holds_refuse_or_give_a_finite_value(how, relation):
    verdict = judge(evaluation(*(fold(g, rmse=1.7e308) for g in "abc")), [Criterion("rmse", how, relation, 1.0)])[1]
    assert verdict.value is None or math.isfinite(verdict.value)
    assert verdict.passed is (verdict.value is not None and (verdict.value >= 1) is (relation == ">="))


# --- in sample, over seeds, against the release before, on artifacts


def test_a_criterion_in_sample_is_held_to_the_final_model_on_its_own_rows():
    of = replace(evaluation(fold("a", plcc=0.5)), in_sample=Metrics({"plcc": 0.99}))
    [verdict] = judge(of, [Criterion("plcc", "mean", ">=", 0.98, part="in-sample")])[1:]
    assert (verdict.criterion, verdict.value, verdict.passed) == ("PLCC in sample >= 0.98", 0.99, True)


def test_an_undefined_figure_in_sample_refuses_with_its_reason():
    of = replace(evaluation(fold("a", plcc=0.5)), in_sample=Metrics({"plcc": None}, {"plcc": "one row"}))
    [verdict] = judge(of, [Criterion("plcc", "mean", ">=", 0.0, part="in-sample")])[1:]
    assert (verdict.passed, verdict.reason) == (False, "PLCC is undefined (in sample: one row)")


def of_seeds(*means, expected=None):
    """Each seed has two folds, ``d`` below and above its mean."""
    d = 1 / 64
    each = {k: evaluation(fold("a", plcc=mean - d), fold("b", plcc=mean + d)) for k, mean in enumerate(means)}
    whole = evaluation(fold("a", plcc=1.0), fold("b", plcc=1.0))
    return replace(whole, seeds=each, expected_seeds=tuple(range(len(means) if expected is None else expected)))


OVER_SEEDS = [
    Criterion("plcc", "mean", ">=", 0.75, part="seeds"),
    Criterion("plcc", "min", ">=", 0.5, part="seeds"),
    Criterion("plcc", "spread", "<=", 0.375, part="seeds"),
]


def test_a_criterion_over_seeds_aggregates_the_mean_of_each_seed_over_the_folds():
    complete, seeds, *verdicts = judge(of_seeds(0.5, 0.875, 0.875), OVER_SEEDS)
    assert complete.passed
    assert (seeds.criterion, seeds.value, seeds.passed) == ("every seed evaluated (3 seeds)", 3.0, True)
    assert [(verdict.value, verdict.passed) for verdict in verdicts] == [(0.75, True), (0.5, True), (0.375, True)]


@pytest.mark.parametrize("criterion", OVER_SEEDS, ids=str)
@pytest.mark.parametrize(
    ("of", "why"),
    {
        "a seed is missing": (of_seeds(1.0, 1.0, expected=3), "missing: 2"),
        "a seed nobody asked for": (of_seeds(1.0, 1.0, expected=1), "not expected: 1"),
        "no seeds": (of_seeds(expected=2), "missing: 0, 1"),
        "nothing is expected": (of_seeds(), "no seeds are expected"),
        "a seed without a fold": (
            replace(of_seeds(1.0), seeds={0: evaluation(fold("a", plcc=1.0), expected=("a", "b"))}),
            "seed 0: missing: b",
        ),
    }.values(),
)
def test_seeds_that_are_not_complete_refuse(of, why, criterion):
    _, seeds, _ = judge(of, [criterion])
    assert (seeds.passed, seeds.reason) == (False, why)


def test_a_seed_with_an_undefined_fold_refuses_and_is_named():
    of = replace(of_seeds(1.0, 1.0), seeds={0: of_seeds(1.0).seeds[0], 1: evaluation(fold("a", plcc=None))})
    verdict = judge(of, OVER_SEEDS)[-1]
    assert (verdict.passed, verdict.value) == (False, None)
    assert "seed 1: a: the target is constant" in verdict.reason


NO_WORSE = Criterion("plcc", "mean", ">=", -0.0625, against="previous")


def test_what_the_previous_release_has_recorded_is_subtracted():
    now = evaluation(fold("a", plcc=0.75))
    for before, passes in ((0.8125, True), (0.875, False), (0.5, True)):
        [verdict] = judge(replace(now, previous=evaluation(fold("a", plcc=before))), [NO_WORSE])[1:]
        assert (verdict.value, verdict.passed) == (0.75 - before, passes)
    assert verdict.criterion == "mean PLCC over folds - the previous release's >= -0.0625"


def test_the_first_release_meets_a_criterion_against_the_previous_and_says_why():
    [verdict] = judge(evaluation(fold("a", plcc=0.1)), [NO_WORSE])[1:]
    assert (verdict.passed, verdict.value, verdict.reason) == (
        True,
        None,
        "there is no previous release to compare with",
    )


def test_a_previous_release_without_the_figure_refuses():
    of = replace(evaluation(fold("a", plcc=1.0)), previous=evaluation())
    [verdict] = judge(of, [NO_WORSE])[1:]
    assert (verdict.passed, verdict.value) == (False, None)
    assert verdict.reason == "previous release: PLCC is undefined (there are no folds)"


SIZE = Criterion("bytes", "max", "<=", 100.0, part="artifacts")
LOSS = Criterion("loss", "max", "<=", 0.25, part="artifacts")
FIGURES = {"m.onnx": {"bytes": 90.0}, "m.int8.onnx": {"bytes": 30.0, "loss": 0.125}}


def test_criteria_on_artifacts_are_judged_apart_on_the_files_that_have_the_figure():
    assert [v.value for v in judge_artifacts(FIGURES, [MEAN_PLCC, SIZE, LOSS])] == [90.0, 0.125]
    assert all(v.passed for v in judge_artifacts(FIGURES, [SIZE, LOSS]))
    assert [v.criterion for v in judge(evaluation(fold("a", plcc=1.0)), [MEAN_PLCC, SIZE])[1:]] == [str(MEAN_PLCC)]


@pytest.mark.parametrize(
    ("figures", "why"),
    {
        "over budget": ({"m.onnx": {"loss": 0.5}}, None),
        "no file has it": ({"m.onnx": {"bytes": 9.0}}, "LOSS is undefined (no artifact has it)"),
        "it is no number": ({"m.onnx": {"loss": math.nan}}, "LOSS is undefined (m.onnx: it is nan)"),
        "there are no files": ({}, "LOSS is undefined (no artifact has it)"),
    }.values(),
)
def test_an_artifact_that_does_not_prove_it_refuses(figures, why):
    [verdict] = judge_artifacts(figures, [LOSS])
    assert (verdict.passed, verdict.reason) == (False, why)


def test_a_verdict_under_a_protocol_says_so():
    verdicts = judge(evaluation(fold("a", plcc=1.0)), [MEAN_PLCC], "by corpus")
    assert [v.criterion for v in verdicts] == [
        "by corpus: every group held out once (1 folds)",
        "by corpus: mean PLCC over folds >= 0.95",
    ]
