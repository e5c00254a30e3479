"""How far a table moved from the one that the previous release was trained on."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from tinyai_registry.evaluation import ColumnDrift
from tinyai_registry.evaluation.caveats import drift_caveats
from tinyai_registry.evaluation.drift import measure_drift


@pytest.fixture
def sidecar(recipe, table):
    """What a sidecar of ours says of ``table``."""
    return {
        "feature_order": list(recipe.feature_order),
        "table": json.loads(json.dumps(asdict(table.fingerprint))),
    }


@pytest.fixture
def foreign(recipe, table):
    """What a sidecar of another tool says of it: how to standardise, and no more."""
    return {
        "kind": "fr",
        "feature_order": list(recipe.feature_order),
        "feature_mean": list(table.fingerprint.feature_means),
        "feature_std": list(table.fingerprint.feature_stds),
    }


def test_the_same_table_has_not_moved(sidecar, recipe, table):
    found = measure_drift(sidecar, recipe, table.fingerprint)
    assert [moved.column for moved in found.inputs] == list(recipe.feature_order)
    assert [(moved.mean_shift, moved.std_ratio) for moved in found.inputs] == [(0.0, 1.0)] * 6
    fingerprint = table.fingerprint
    assert found.target == ColumnDrift("vmaf", 0.0, 1.0)
    assert found.target_before == found.target_now == (fingerprint.target_min, fingerprint.target_max)
    assert list(drift_caveats(found)) == []


@pytest.mark.parametrize("of", ["sidecar", "foreign"])
def test_a_shift_is_told_in_old_standard_deviations(of, request, recipe, table):
    before = request.getfixturevalue(of)
    old = table.fingerprint
    now = replace(
        old,
        feature_means=(old.feature_means[0] - 2 * old.feature_stds[0], *old.feature_means[1:]),
        feature_stds=(old.feature_stds[0] * 3, *old.feature_stds[1:]),
        target_mean=old.target_mean + 2 * old.target_std,
        target_std=old.target_std / 2,
        target_max=200.0,
    )
    found = measure_drift(before, recipe, now)
    assert found.inputs[0].mean_shift == pytest.approx(-2.0)
    assert found.inputs[0].std_ratio == pytest.approx(3.0)
    assert found.inputs[1] == ColumnDrift("vif_scale0", 0.0, 1.0)
    assert found.target_now == (old.target_min, 200.0)
    if of == "sidecar":
        assert found.target_before == (old.target_min, old.target_max)
        assert (found.target.mean_shift, found.target.std_ratio) == (pytest.approx(2.0), pytest.approx(0.5))
    else:  # it records nothing of the target
        assert (found.target_before, found.target) == (None, None)


def test_a_target_that_was_rescaled_within_its_range_has_drifted(sidecar, recipe, frame, read):
    rows = frame[frame.frame_index % 24 == 0]
    found = measure_drift(sidecar, recipe, read(rows.assign(vmaf=rows.vmaf / 2)).fingerprint)
    [caveat] = drift_caveats(found)
    assert caveat.code == "target-drift"
    assert "the standard deviation is 0.50 times the old one" in caveat.message


def test_real_rows_moved_by_hand_drift_by_that_much(sidecar, recipe, frame, read):
    rows = frame[frame.frame_index % 24 == 0]
    adm2 = (rows.adm2 - rows.adm2.mean()) * 1.5 + rows.adm2.mean() + rows.adm2.std(ddof=0)
    found = measure_drift(sidecar, recipe, read(rows.assign(adm2=adm2)).fingerprint)
    assert found.inputs[0].mean_shift == pytest.approx(1.0)
    assert found.inputs[0].std_ratio == pytest.approx(1.5)
    assert [caveat.code for caveat in drift_caveats(found)] == ["input-drift"]


def test_an_input_that_became_constant_has_lost_its_spread(sidecar, recipe, frame, read):
    now = read(frame[frame.frame_index % 24 == 0].assign(vif_scale3=0.9)).fingerprint
    found = measure_drift(sidecar, recipe, now)
    assert found.inputs[4].std_ratio == pytest.approx(0.0, abs=1e-9)
    [caveat] = drift_caveats(found)
    assert "vif_scale3" in caveat.message


def test_an_input_that_ceased_to_be_constant_has_drifted(recipe, frame, read):
    rows = frame[frame.frame_index % 24 == 0]
    unit = rows.assign(motion2=(rows.motion2 - rows.motion2.mean()) / rows.motion2.std(ddof=0))
    before = {
        "feature_order": list(recipe.feature_order),
        "table": asdict(read(rows.assign(motion2=0.0)).fingerprint),
    }
    found = measure_drift(before, recipe, read(unit).fingerprint)
    assert [caveat.message.split(":")[0] for caveat in drift_caveats(found)] == ["motion2"]
    assert np.isfinite(found.inputs[5].std_ratio)


@pytest.mark.parametrize(
    "lacking",
    [
        {"feature_mean": None},
        {"feature_std": None},
        {"feature_mean": []},
        {"feature_order": None},
        {"feature_order": ["adm2"]},
        {"feature_mean": [0.5] * 5},
        {"feature_std": [0.5] * 7},
    ],
    ids=str,
)
def test_a_sidecar_whose_statistics_do_not_fit_the_inputs_says_nothing(foreign, recipe, table, lacking):
    found = {key: value for key, value in (foreign | lacking).items() if value is not None}
    assert measure_drift(found, recipe, table.fingerprint) is None


def test_inputs_in_another_order_are_not_compared(sidecar, recipe, table):
    sidecar["feature_order"].reverse()
    assert measure_drift(sidecar, recipe, table.fingerprint) is None
