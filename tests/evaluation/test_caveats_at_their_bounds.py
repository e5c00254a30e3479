"""Caveats begin where they say that they do."""

from __future__ import annotations

import pytest

from tinyai_registry.evaluation import ColumnDrift, Drift, Evaluation, Fold, Metrics, aggregate
from tinyai_registry.evaluation.caveats import drift_caveats, evaluation_caveats
from tinyai_registry.recipe import Criterion, LeaveOneGroupOut


def codes(rmse: float = 1.0, plcc: float = 0.99, ties: float = 0.0) -> list[str]:
    """Of three folds, of which the last is this one."""
    usual = [Fold(g, 10, 1, 0.0, Metrics({"plcc": 0.99, "srocc": 0.99, "krocc": 0.9, "rmse": 1.0})) for g in "ab"]
    odd = Fold("c", 10, 1, ties, Metrics({"plcc": plcc, "srocc": 0.99, "krocc": 0.9, "rmse": rmse}))
    folds = (*usual, odd)
    summary = {"plcc": aggregate("plcc", folds)}
    evaluation = Evaluation(folds, ("a", "b", "c"), summary, Metrics({}))
    asked = [Criterion("plcc", "mean", ">=", 0.95)]
    return [c.code for c in evaluation_caveats(evaluation, asked, LeaveOneGroupOut())]


@pytest.mark.parametrize(("rmse", "expected"), [(1.9, []), (1.95, []), (2.0, []), (2.01, ["weak-fold"])])
def test_a_fold_is_weak_above_twice_the_median_rmse(rmse, expected):
    assert codes(rmse=rmse) == expected


@pytest.mark.parametrize(("plcc", "expected"), [(0.95, []), (0.9499, ["weak-fold"])])
def test_a_fold_is_weak_below_what_the_gate_asks(plcc, expected):
    assert codes(plcc=plcc) == expected


@pytest.mark.parametrize(("ties", "expected"), [(0.499, []), (0.5, ["tied-targets"])])
def test_half_of_the_targets_tied_is_many(ties, expected):
    assert codes(ties=ties) == expected


@pytest.mark.parametrize(
    ("shift", "ratio", "count"),
    [(0.25, 1.0, 0), (0.26, 1.0, 1), (-0.26, 1.0, 1), (0.0, 1.25, 0), (0.0, 1.26, 1), (0.0, 0.8, 0), (0.0, 0.79, 1)],
)
def test_an_input_has_drifted_beyond_a_quarter_std_or_a_ratio_of_1_25(shift, ratio, count):
    assert len(list(drift_caveats(Drift((ColumnDrift("adm2", shift, ratio),), None, None, (0.0, 1.0))))) == count
