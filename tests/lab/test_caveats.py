"""Every caveat, at its threshold and just beyond."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tinyai_registry.evaluation import ColumnDrift, CorpusFingerprint, Drift, Evaluation, Fold, Metrics
from tinyai_registry.evaluation.caveats import (
    corpus_caveats,
    drift_caveats,
    evaluation_caveats,
    leakage_caveats,
    table_caveats,
)
from tinyai_registry.recipe import Criterion, GroupKFold, HeldOut, KFold, LeaveOneGroupOut

CRITERIA = (Criterion("plcc", "mean", ">=", 0.95),)
LOSO = LeaveOneGroupOut()
GOOD = {"plcc": 0.99, "srocc": 0.99, "krocc": 0.9, "rmse": 2.0}


def fold(group, tied=0.0, undefined=None, **values):
    undefined = undefined or {}
    return Fold(group, 100, 4, tied, Metrics(GOOD | values | dict.fromkeys(undefined), undefined))


@pytest.fixture
def caveats(table):
    """The caveats of some folds, on a table of as many groups as folds and several clips each."""

    def of(*folds, criteria=CRITERIA, scheme=LOSO, reference=None, **changes):
        evaluation = Evaluation(folds, tuple(f.group for f in folds), {}, Metrics({}), reference=reference)
        fingerprint = replace(table.fingerprint, **changes)
        return [*evaluation_caveats(evaluation, criteria, scheme), *table_caveats(fingerprint, table.recipe)]

    return of


def test_good_folds_have_no_caveat(caveats):
    assert caveats(fold("a"), fold("b"), fold("c")) == []


@pytest.mark.parametrize("metric", ["plcc", "srocc"])
def test_a_correlation_below_095_is_a_weak_fold(caveats, metric):
    at, below = 0.95, math.nextafter(0.95, 0)
    [caveat] = caveats(fold("fine", **{metric: at}), fold("Maples", **{metric: below}))
    assert caveat.code == "weak-fold"
    assert caveat.message.startswith(f"Maples: {metric.upper()} 0.9500 is below 0.95")


THRESHOLDS = {
    "of its own metric": ({"plcc": 0.75, "srocc": 0.6}, {"plcc": 0.76, "srocc": 0.61}, []),
    "below that of the other metric alone": ({"plcc": 0.75, "srocc": 0.6}, {"plcc": 0.76, "srocc": 0.59}, ["SROCC"]),
    "of the one metric that is asked for": ({"plcc": 0.75}, {"plcc": 0.74, "srocc": 0.74}, ["PLCC", "SROCC"]),
    "no correlation at all": ({"rmse": 0.1}, {"plcc": 0.1, "srocc": 0.1}, []),
}


@pytest.mark.parametrize(("asked", "values", "named"), THRESHOLDS.values(), ids=THRESHOLDS)
def test_what_is_weak_is_what_the_recipes_gate_says(caveats, asked, values, named):
    criteria = [Criterion(metric, "mean", ">=", threshold) for metric, threshold in asked.items()]
    found = caveats(fold("a"), fold("b", **values), criteria=criteria)
    assert [
        name for name in ("PLCC", "SROCC") for c in found if f"{name} {values[name.lower()]:.4f}" in c.message
    ] == named


def test_of_two_thresholds_the_higher_counts_and_the_best_fold_none(caveats):
    lower, higher = (Criterion("plcc", how, ">=", at) for how, at in (("min", 0.5), ("mean", 0.7)))
    best = Criterion("plcc", "max", ">=", 0.98)
    found = caveats(fold("a"), fold("b", plcc=0.6, srocc=0.75), criteria=[higher, lower, best])
    assert [c.message.partition(";")[0] for c in found] == ["b: PLCC 0.6000 is below 0.7"]


def test_where_the_gate_compares_with_the_reference_so_does_the_caveat(caveats):
    margin = Criterion("srocc", "mean", ">=", 0.03, against="difference")
    folds = [fold("a", srocc=0.65), fold("b", srocc=0.62)]
    reference = Evaluation(tuple(fold(g, srocc=0.6) for g in "ab"), ("a", "b"), {}, Metrics({}))
    [caveat] = caveats(*folds, criteria=[margin], reference=reference)
    assert caveat.message.startswith("b: SROCC 0.6200 where the reference has 0.6000, and the gate asks for mean SROCC")


@pytest.mark.parametrize(
    ("scheme", "is_content"),
    [
        (LeaveOneGroupOut(), True),
        (HeldOut(LeaveOneGroupOut()), True),
        (KFold(5), False),
        (HeldOut(GroupKFold(3)), False),
    ],
    ids=str,
)
def test_a_random_fold_is_no_content(caveats, scheme, is_content):
    [caveat] = caveats(fold("a"), fold("b", plcc=0.5), scheme=scheme)
    assert ("on such content" in caveat.message) is is_content
    assert ("drawn at random" in caveat.message) is not is_content


@pytest.mark.parametrize(("rows", "expected"), [(9, ["few-rows"]), (10, [])])
def test_a_fold_of_few_rows_is_a_caveat(caveats, rows, expected):
    found = caveats(fold("a"), replace(fold("b"), rows=rows))
    assert [c.code for c in found] == expected


def test_groups_on_both_sides_of_a_fold_are_a_caveat():
    [caveat] = leakage_caveats(["a", "b", "c", "d"], LeaveOneGroupOut(by="codec"))
    assert caveat.code == "shared-groups"
    assert "the folds are cut by codec, and 4 groups (a, b, c, …) have rows on both sides" in caveat.message
    assert list(leakage_caveats([], LeaveOneGroupOut(by="codec"))) == []


def test_a_weak_fold_says_all_its_figures_in_one_caveat(caveats):
    weak = fold("Maples", plcc=0.92924, srocc=0.94218, rmse=13.384)
    [caveat] = caveats(fold("a"), weak, fold("c"))
    figures = ("Maples", "PLCC 0.9292", "SROCC 0.9422", "RMSE 13.384", "6.7 times", "2.000")
    assert [figure for figure in figures if figure not in caveat.message] == []


def test_a_low_krocc_alone_is_no_caveat(caveats):
    assert caveats(fold("a", krocc=0.1), fold("b")) == []


def test_an_rmse_above_twice_the_median_folds_is_a_weak_fold(caveats):
    others = fold("a", rmse=1.0), fold("b", rmse=2.0), fold("c", rmse=3.0)
    assert caveats(*others, fold("at", rmse=2.0), fold("twice", rmse=4.0)) == []
    [caveat] = caveats(*others, fold("low", rmse=1.0), fold("beyond", rmse=4.01))
    assert caveat.code == "weak-fold"
    assert "beyond: RMSE 4.010 is 2.0 times the median fold's 2.000" in caveat.message


def test_a_median_rmse_of_zero_is_no_division_by_zero(caveats):
    [caveat] = caveats(fold("a", rmse=0.0), fold("b", rmse=0.0), fold("c", rmse=0.5))
    assert "c: RMSE 0.500 where the median fold has 0" in caveat.message


def test_half_or_more_tied_targets_are_a_caveat(caveats):
    [half, most] = caveats(fold("few", tied=0.499), fold("half", tied=0.5), fold("most", tied=0.987))
    assert [half.code, most.code] == ["tied-targets", "tied-targets"]
    assert half.message.startswith("half: 50.0% of the targets")
    assert most.message.startswith("most: 98.7% of the targets")
    assert "rank correlation" in most.message


def test_an_undefined_metric_that_no_criterion_uses_is_a_caveat(caveats):
    why = {"srocc": "the target is constant (100)", "krocc": "the target is constant (100)"}
    srocc, krocc = caveats(fold("a", undefined=why), fold("b"))
    assert [srocc.code, krocc.code] == ["undefined-metric", "undefined-metric"]
    assert srocc.message == "a: SROCC is undefined: the target is constant (100)"
    assert krocc.message == "a: KROCC is undefined: the target is constant (100)"


def test_an_undefined_metric_that_a_criterion_uses_is_the_gates_business(caveats):
    assert caveats(fold("a", undefined={"plcc": "one row"}), fold("b")) == []
    judged = (Criterion("mae", "max", "<=", 9.0),)
    assert caveats(fold("a", undefined={"mae": "NaN"}), criteria=judged) == []
    assert [c.code for c in caveats(fold("a", undefined={"mae": "NaN"}))] == ["undefined-metric"]


def test_folds_without_any_rmse_have_no_median(caveats):
    found = caveats(fold("a", undefined={"rmse": "overflow"}))
    assert [caveat.code for caveat in found] == ["undefined-metric"]


def test_one_clip_in_each_group_is_a_caveat(caveats, table):
    groups = len(table.fingerprint.groups)
    [caveat] = caveats(fold("a"), fold("b"), clips=groups)
    assert caveat.code == "one-clip-per-group"
    assert f"each of the {groups} groups has one clip" in caveat.message
    assert caveats(fold("a"), fold("b"), clips=groups + 1) == []


def test_one_clip_in_each_group_is_no_caveat_where_a_clip_is_its_own_group(table):
    fingerprint = replace(table.fingerprint, clips=len(table.fingerprint.groups))
    assert list(table_caveats(fingerprint, replace(table.recipe, group=table.recipe.clip))) == []


def test_caveats_come_in_fold_order(caveats):
    found = caveats(fold("b", plcc=0.5, tied=0.9), fold("a", plcc=0.5))
    assert [(c.code, c.message[0]) for c in found] == [
        ("weak-fold", "b"),
        ("tied-targets", "b"),
        ("weak-fold", "a"),
    ]


UP, DOWN = "the mean moved by +0.25 old standard deviations", "the mean moved by -0.25 old standard deviations"
MOVED = {
    "not at all": (0.0, 1.0, None),
    "a quarter deviation up": (0.25, 1.0, None),
    "a quarter deviation down": (-0.25, 1.0, None),
    "more than a quarter up": (0.2501, 1.0, UP),
    "more than a quarter down": (-0.2501, 1.0, DOWN),
    "a spread 1.25 times as wide": (0.0, 1.25, None),
    "a spread 1.25 times as narrow": (0.0, 0.8, None),
    "a wider spread": (0.0, 1.2501, "the standard deviation is 1.25 times the old one"),
    "a narrower spread": (0.0, 0.7999, "the standard deviation is 0.80 times the old one"),
    "no spread any more": (0.0, 0.0, "the standard deviation is 0.00 times the old one"),
    "both": (0.2501, 2.0, f"{UP}, the standard deviation is 2.00 times the old one"),
}


@pytest.mark.parametrize(("shift", "ratio", "said"), MOVED.values(), ids=MOVED)
def test_drift_is_a_caveat_beyond_its_thresholds_and_names_what_moved(shift, ratio, said):
    inputs = ColumnDrift("steady", 0.0, 1.0), ColumnDrift("adm2", shift, ratio)
    steady = ColumnDrift("vmaf", 0.0, 1.0)
    found = list(drift_caveats(Drift(inputs, steady, None, (0.0, 100.0))))
    assert [caveat.code for caveat in found] == (["input-drift"] if said else [])
    assert [caveat.message.partition("; ")[0] for caveat in found] == ([f"adm2: {said}"] if said else [])


@pytest.mark.parametrize(("shift", "ratio", "said"), MOVED.values(), ids=MOVED)
def test_drift_of_the_target_is_a_caveat_beyond_the_same_thresholds(shift, ratio, said):
    found = list(drift_caveats(Drift((), ColumnDrift("vmaf", shift, ratio), None, (0.0, 100.0))))
    assert [caveat.code for caveat in found] == (["target-drift"] if said else [])
    for caveat in found:
        assert caveat.message.startswith(f"vmaf: {said}; ")
        assert "another scale" in caveat.message


def test_filled_cells_are_a_caveat_that_counts_them_by_column(caveats):
    [caveat] = caveats(fold("a"), fold("b"), missing_cells={"motion2": 2, "adm2": 1})
    assert caveat.code == "missing-cells"
    assert caveat.message.startswith("3 empty feature cells were filled with the median")
    assert caveat.message.endswith(": adm2 1, motion2 2")


def corpus(name, rows_used=10, **changes):
    low, high = (10.0, 90.0) if rows_used else (None, None)
    figures = {"teacher_model": None, "extractor": None, "target_mean": low, "target_min": low, "target_max": high}
    return CorpusFingerprint(name, f"{name}.parquet", "0" * 64, 10, rows_used, 5, **{**figures, **changes})


APART = {
    "corpora that meet": ([corpus("a"), corpus("b", target_min=90.0, target_max=95.0)], []),
    "corpora that do not": (
        [corpus("a"), corpus("b", target_min=90.1, target_max=95.0)],
        [("corpora-apart", "the targets of a end at 90, those of b begin at 90.1; are both on one scale?")],
    ),
    "a corpus of which no row was asked for": ([corpus("a"), corpus("b", rows_used=0)], []),
    "a teacher that one corpus names": (
        [corpus("a", teacher_model="vmaf_v0.6.1"), corpus("b")],
        [("unnamed-maker", "b does not say its teacher_model, as the other corpora do")],
    ),
    "a teacher that all name": ([corpus("a", teacher_model="t"), corpus("b", teacher_model="t")], []),
}


@pytest.mark.parametrize(("corpora", "told"), APART.values(), ids=APART)
def test_corpora_that_may_not_be_one_table_are_told(caveats, corpora, told):
    found = caveats(fold("a"), fold("b"), corpora=tuple(corpora))
    assert [(caveat.code, caveat.message) for caveat in found] == told


def test_values_that_nobody_listed_are_counted(caveats, table):
    [caveat] = caveats(fold("a"), fold("b"), unlisted={"codec=unknown": 7})
    assert caveat.code == "unlisted-values"
    assert caveat.message.startswith(f"7 of {table.fingerprint.rows_used} rows have a value that the recipe does not")


def test_what_the_folds_say_of_a_corpus_is_held_against_the_gate():
    evaluation = Evaluation((fold("s"),), ("s",), {}, Metrics({}), corpora=(fold("a"), fold("b", plcc=0.94)))
    weak, silent = corpus_caveats(evaluation, ("a", "b", "c"), CRITERIA)
    assert weak.code == "weak-corpus"
    assert weak.message.startswith("corpus b, all its held-out rows together: PLCC 0.9400 is below 0.95; ")
    assert (silent.code, silent.message[:42]) == ("corpus-not-held-out", "corpus c: trained on and never held out, s")
    assert list(corpus_caveats(replace(evaluation, corpora=()), (), CRITERIA)) == []
