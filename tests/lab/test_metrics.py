"""The standard metrics against scipy, on ties too, and where they are undefined."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from tinyai_registry.errors import PluginError
from tinyai_registry.evaluation import Metrics
from tinyai_registry.lab.metrics import extended, standard_metrics, tied_targets

CORRELATIONS = {"plcc": stats.pearsonr, "srocc": stats.spearmanr, "krocc": stats.kendalltau}
FEW_VALUES = st.sampled_from([0.0, 25.0, 50.0, 99.5, 100.0])


def pairs(values):
    """Two arrays of one length, 3 to 40, whose values are often tied."""
    return st.integers(3, 40).flatmap(
        lambda n: st.tuples(*[hnp.arrays(np.float64, n, elements=values) for _ in range(2)])
    )


def double_argsort(prediction, target):
    """How SROCC is computed wrongly: tied targets get ranks by position."""
    ranks = [np.argsort(np.argsort(values)) for values in (prediction, target)]
    return np.corrcoef(*ranks)[0, 1]


@given(pairs(FEW_VALUES))
def test_correlations_of_tied_data_are_those_of_scipy(pair):
    prediction, target = pair
    assume(np.ptp(prediction) > 0)
    assume(np.ptp(target) > 0)
    got = standard_metrics(prediction, target)
    for name, reference in CORRELATIONS.items():
        assert got.values[name] == pytest.approx(reference(prediction, target).statistic, abs=1e-12)
    assert got.undefined == {}


@given(pairs(FEW_VALUES))
def test_srocc_is_pearson_on_average_ranks(pair):
    prediction, target = pair
    assume(np.ptp(prediction) > 0)
    assume(np.ptp(target) > 0)
    ranks = [stats.rankdata(values, method="average") for values in pair]
    got = standard_metrics(prediction, target).values["srocc"]
    assert got == pytest.approx(np.corrcoef(*ranks)[0, 1], abs=1e-12)


def test_srocc_is_no_double_argsort():
    target = np.array([100.0, 100.0, 100.0, 100.0, 40.0])
    prediction = np.array([99.0, 98.0, 97.0, 96.0, 41.0])
    got = standard_metrics(prediction, target).values["srocc"]
    assert got == pytest.approx(1 / math.sqrt(2))
    assert double_argsort(prediction, target) == pytest.approx(0.1)


@given(pairs(FEW_VALUES), st.randoms())
def test_the_order_of_the_rows_does_not_matter(pair, random):
    order = list(range(len(pair[0])))
    random.shuffle(order)
    before, after = standard_metrics(*pair), standard_metrics(*(values[order] for values in pair))
    assert after.undefined == before.undefined
    for name, value in before.values.items():
        assert after.values[name] == (None if value is None else pytest.approx(value, abs=1e-9))


@given(pairs(st.floats(-1e6, 1e6)))
def test_any_finite_scores_give_numbers_in_range_or_none_with_a_reason(pair):
    got = standard_metrics(*pair)
    assert set(got.values) == {"plcc", "srocc", "krocc", "rmse"}
    assert {name for name, value in got.values.items() if value is None} == set(got.undefined)
    for name in CORRELATIONS:
        value = got.values[name]
        assert value is None or -1.0 <= value <= 1.0


@given(pairs(st.floats(-1e6, 1e6)))
def test_rmse_is_in_target_units(pair):
    prediction, target = pair
    wanted = math.sqrt(math.fsum((prediction - target) ** 2) / len(target))
    assert standard_metrics(*pair).values["rmse"] == pytest.approx(wanted, rel=1e-9)
    assert standard_metrics(target + 3.0, target).values["rmse"] == pytest.approx(3.0)


def test_two_rows_are_enough():
    got = standard_metrics(np.array([1.0, 2.0]), np.array([10.0, 30.0]))
    assert [got.values[name] for name in CORRELATIONS] == pytest.approx([1.0, 1.0, 1.0])


def test_metrics_are_computed_in_float64():
    target = 1e6 + np.arange(5.0) / 1e6
    prediction = target[[1, 0, 2, 3, 4]]
    got = standard_metrics(prediction, target).values
    assert got["srocc"] == pytest.approx(0.9)
    assert got["plcc"] == pytest.approx(0.9, abs=1e-3)


UNDEFINED = {
    "one row": ([50.0], [60.0], "one row"),
    "a constant target": ([1.0, 2.0, 3.0], [100.0] * 3, "the target is constant (100)"),
    "a constant prediction": ([7.5] * 3, [1.0, 2.0, 3.0], "the prediction is constant (7.5)"),
    "both constant": ([7.5] * 3, [0.0] * 3, "the target is constant (0)"),
    "a prediction that is constant but for rounding": (
        [80.0, np.nextafter(80.0, 81.0), 80.0],
        [1.0, 2.0, 3.0],
        "the prediction is constant (80)",
    ),
}


@pytest.mark.parametrize(("prediction", "target", "reason"), UNDEFINED.values(), ids=UNDEFINED)
def test_a_correlation_is_none_with_a_reason_for(prediction, target, reason):
    got = standard_metrics(np.array(prediction), np.array(target))
    assert got.undefined == dict.fromkeys(("plcc", "srocc", "krocc"), reason)
    assert [got.values[name] for name in got.undefined] == [None, None, None]
    assert got.values["rmse"] == pytest.approx(np.sqrt(np.mean(np.subtract(prediction, target) ** 2)))


@pytest.mark.parametrize(
    ("target", "share"),
    [
        ([1.0, 2.0, 3.0], 0.0),
        ([1.0, 1.0, 3.0, 4.0], 0.5),
        ([1.0, 1.0, 3.0, 3.0], 1.0),
        ([100.0, 100.0, 100.0, 4.0], 0.75),
        ([5.0], 0.0),
        ([0.0, -0.0], 1.0),
    ],
)
def test_tied_targets_is_the_share_of_rows_that_are_not_alone(target, share):
    assert tied_targets(target) == share


@given(st.lists(FEW_VALUES, min_size=1, max_size=30))
def test_tied_targets_counts_like_a_double_loop(target):
    tied = sum(any(a == b for j, b in enumerate(target) if i != j) for i, a in enumerate(target))
    assert tied_targets(np.array(target)) == pytest.approx(tied / len(target))


STANDARD = Metrics({"plcc": None, "srocc": None, "krocc": None, "rmse": 2.0}, {"plcc": "1 row"})


def test_a_plugins_metrics_stand_beside_the_standard_ones():
    got = extended(STANDARD, {"mae": np.float32(1.5)})
    assert got.values == {**STANDARD.values, "mae": 1.5}
    assert got.undefined == STANDARD.undefined
    assert type(got.values["mae"]) is float


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_a_plugin_could_not_compute_is_none_with_a_reason(value):
    got = extended(STANDARD, {"mae": value})
    assert got.values["mae"] is None
    assert got.undefined == {**STANDARD.undefined, "mae": f"the plugin returned {value}"}
    assert "mae" not in STANDARD.values


@pytest.mark.parametrize("name", ["plcc", "srocc", "krocc", "rmse"])
def test_a_plugin_may_not_compute_a_standard_metric(name):
    with pytest.raises(PluginError, match=f"tinyai_evaluate returned {name}, which the core computes itself"):
        extended(STANDARD, {"mae": 1.0, name: 0.99})
