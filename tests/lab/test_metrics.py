"""The standard metrics against scipy, on ties too, and where they are undefined."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import optimize, stats

from tinyai_registry.evaluation import Metrics
from tinyai_registry.lab.metrics import extend, mapped_metrics, standard_metrics, tied_targets

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
    got = extend(STANDARD, {"mae": np.float32(1.5)})
    assert got.values == {**STANDARD.values, "mae": 1.5}
    assert got.undefined == STANDARD.undefined
    assert type(got.values["mae"]) is float


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_a_plugin_could_not_compute_is_none_with_a_reason(value):
    got = extend(STANDARD, {"mae": value})
    assert got.values["mae"] is None
    assert got.undefined == {**STANDARD.undefined, "mae": f"the plugin returned {value}"}
    assert "mae" not in STANDARD.values


# --- after the logistic mapping


def logistic(x, top, bottom, centre, width):
    return bottom + (top - bottom) / (1 + np.exp(-(x - centre) / abs(width)))


@pytest.fixture
def curved():
    """Predictions that follow the target along an S, with noise; the target runs from 1 to 5."""
    generator = np.random.default_rng(3)
    prediction = generator.uniform(0, 100, 200)
    return prediction, logistic(prediction, 5.0, 1.0, 60.0, 9.0) + generator.normal(0, 0.1, 200)


def test_mapped_plcc_and_rmse_are_those_of_the_logistic_that_scipy_fits(curved):
    prediction, target = curved
    fitted, _ = optimize.curve_fit(logistic, prediction, target, p0=(5.0, 1.0, 50.0, 10.0))
    mapped = logistic(prediction, *fitted)
    got = mapped_metrics(prediction, target).values
    assert got["plcc"] == pytest.approx(stats.pearsonr(mapped, target).statistic, abs=1e-6)
    assert got["rmse"] == pytest.approx(np.sqrt(np.mean((mapped - target) ** 2)), abs=1e-6)
    assert got["plcc"] > standard_metrics(prediction, target).values["plcc"]
    assert got["rmse"] < 0.11


@given(st.integers(0, 2**32))
def test_the_mapping_leaves_the_ranks_alone(seed):
    generator = np.random.default_rng(seed)
    target = generator.uniform(1, 5, 60)
    prediction = target + generator.normal(0, 0.5, 60)
    before, after = standard_metrics(prediction, target), mapped_metrics(prediction, target)
    assert (after.values["srocc"], after.values["krocc"]) == (before.values["srocc"], before.values["krocc"])
    assert after.values["plcc"] is None or after.values["plcc"] >= before.values["plcc"] - 0.02


def test_a_scale_of_its_own_does_not_matter_after_the_mapping(curved):
    prediction, target = curved
    got, scaled = mapped_metrics(prediction, target).values, mapped_metrics(prediction * 7 - 300, target).values
    assert {name: scaled[name] for name in got} == {name: pytest.approx(value, abs=1e-4) for name, value in got.items()}


def test_a_mapping_that_does_not_converge_is_none_with_the_reason(curved, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("Optimal parameters not found: Number of calls to function has reached maxfev = 10000.")

    monkeypatch.setattr(optimize, "curve_fit", fail)
    got, standard = mapped_metrics(*curved), standard_metrics(*curved)
    assert (got.values["plcc"], got.values["rmse"]) == (None, None)
    assert got.undefined == dict.fromkeys(("plcc", "rmse"), "the logistic mapping does not converge")
    assert (got.values["srocc"], got.values["krocc"]) == (standard.values["srocc"], standard.values["krocc"])


@pytest.mark.parametrize(("prediction", "target", "reason"), UNDEFINED.values(), ids=UNDEFINED)
def test_what_has_no_correlation_has_none_after_the_mapping_either(prediction, target, reason):
    got = mapped_metrics(np.array(prediction), np.array(target))
    assert (got.values["plcc"], got.values["srocc"]) == (None, None)
    assert got.undefined["srocc"] == reason
    assert set(got.undefined) >= {"plcc", "srocc", "krocc"}


@pytest.mark.parametrize("scale", [1e-13, 1e-30, 5e-324])
@pytest.mark.parametrize("constant", ["target", "prediction"])
def test_numbers_that_differ_by_rounding_at_zero_are_a_constant(constant, scale):
    parts = {"target": np.arange(5.0), "prediction": np.arange(5.0)[::-1]} | {constant: np.arange(5) % 2 * scale}
    found = standard_metrics(parts["prediction"], parts["target"])
    assert {name: found.values[name] for name in ("plcc", "srocc", "krocc")} == dict.fromkeys(
        ("plcc", "srocc", "krocc")
    )
    assert constant in found.undefined["plcc"]


def test_numbers_that_differ_by_more_than_rounding_are_none():
    found = standard_metrics(np.arange(5) * 1e-11, np.arange(5.0))
    assert found.values["plcc"] == pytest.approx(1.0)
