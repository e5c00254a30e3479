"""Metrics refuse NaN, and an aggregate hides no fold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyai_registry.evaluation import Aggregate, Fold, Metrics, aggregate


def folds(*values):
    return [
        Fold(f"g{k}", 10, 1, 0.0, Metrics({"plcc": value}, {} if value is not None else {"plcc": "why"}))
        for k, value in enumerate(values)
    ]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float64("nan")])
def test_metrics_refuse_what_is_not_finite(value):
    with pytest.raises(ValueError, match=r"metric srocc is .*; an undefined metric is None with a reason"):
        Metrics({"plcc": 0.5, "srocc": value})


def test_metrics_take_none_with_its_reason():
    metrics = Metrics({"plcc": None}, {"plcc": "1 row"})
    assert (metrics.values["plcc"], metrics.undefined["plcc"]) == (None, "1 row")


def test_an_aggregate_of_known_values():
    got = aggregate("plcc", folds(0.5, 0.75, 1.0))
    assert got == Aggregate(mean=0.75, std=0.25, min=0.5, max=1.0, median=0.75, spread=0.5)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_an_aggregate_agrees_with_numpy_and_its_std_is_the_samples(values):
    got = aggregate("plcc", folds(*values))
    np.testing.assert_allclose(got.mean, np.mean(values), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(got.std, np.std(values, ddof=1), rtol=1e-9, atol=1e-9)
    assert (got.min, got.max) == (min(values), max(values))
    assert got.median == pytest.approx(np.median(values))
    assert got.spread == max(values) - min(values)
    assert got.undefined is None


def test_one_fold_has_a_mean_and_no_std():
    assert aggregate("plcc", folds(0.5)) == Aggregate(0.5, None, 0.5, 0.5, 0.5, 0.0)


@given(st.lists(st.none() | st.floats(-1, 1), min_size=1, max_size=8).filter(lambda v: None in v))
def test_one_undefined_fold_makes_every_aggregate_undefined_and_is_named(values):
    got = aggregate("plcc", folds(*values))
    assert {got.mean, got.std, got.min, got.max, got.median, got.spread} == {None}
    missing = [f"g{k}" for k, value in enumerate(values) if value is None]
    assert got.undefined == f"undefined in {', '.join(missing)}"


def test_a_fold_that_lacks_the_metric_makes_it_undefined():
    got = aggregate("mae", folds(0.5, 0.6))
    assert got == Aggregate(None, None, None, None, None, None, "undefined in g0, g1")


def test_no_folds_have_no_aggregate():
    assert aggregate("plcc", []) == Aggregate(None, None, None, None, None, None, "there are no folds")


def test_folds_may_come_from_a_generator():
    assert aggregate("plcc", (fold for fold in folds(0.5, 0.7))).max == 0.7
