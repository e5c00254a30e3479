"""``chug_hdr_mos_v1`` and its head: their recipes, and refreshes from the real ratings where they are there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from click.testing import CliRunner

from tinyai_chug_hdr import CHUG_HDR_MOS_HEAD_V1, CHUG_HDR_MOS_V1, LADDER, RUNGS
from tinyai_registry.cli.app import main
from tinyai_registry.recipe import decisive, fingerprint

RATINGS = Path(__file__).parents[4] / "shared" / "data" / "chug.parquet"
NAMES = ("chug_hdr_mos_v1", *(f"chug_hdr_mos_v1_seed{seed}" for seed in range(3)))

needs_ratings = pytest.mark.skipif(not RATINGS.is_file(), reason="no shared data beside the checkout")


def tinyai(*words):
    result = CliRunner().invoke(main, [*map(str, words), "--json"], catch_exceptions=False)
    return result.exit_code, json.loads(result.stdout)


def test_the_recipe_is_the_one_that_was_decided():
    """A change of this literal is a decision: a new model id, never an edit."""
    assert fingerprint(decisive(CHUG_HDR_MOS_V1)) == "0d07cf9e689455b706d139ee8c94e75c6bf9963dd1ecf037bc8e6459cc797916"


def test_the_recipe_of_the_head_is_the_one_that_was_decided():
    assert (
        fingerprint(decisive(CHUG_HDR_MOS_HEAD_V1))
        == "41b69d97165ba118650ce8dfd63ffbb61d7f9c53abbdd25935f13e5e8c7400a7"
    )


def test_a_rung_is_one_of_seven_and_a_column_for_each():
    assert len(RUNGS) == len(set(RUNGS)) == len(LADDER) == 7
    assert tuple(len(i.columns) for i in CHUG_HDR_MOS_V1.inputs) == (5, 7)


@pytest.fixture(scope="module")
def refreshed(tmp_path_factory):
    """Exit code and answer of a refresh from the real ratings, and the registry."""
    registry = tmp_path_factory.mktemp("chug") / "registry"
    tinyai("init", registry)
    return *tinyai("refresh", "chug_hdr_mos_v1", "--table", RATINGS, "--registry", registry), registry


@needs_ratings
def test_the_model_beats_its_reference_by_the_margin_that_the_recipe_states(refreshed):
    code, report, _ = refreshed
    assert (code, report["status"]) == (0, "published")
    assert [(verdict["criterion"], verdict["passed"]) for verdict in report["gate"][1:]] == [
        ("mean SROCC over folds - the reference's >= 0.03", True),
        ("mean RMSE over folds / the reference's <= 0.97", True),
        ("SROCC on the test split - the reference's >= 0.03", True),
        ("RMSE on the test split / the reference's <= 1", True),
    ]


@needs_ratings
def test_the_reference_is_about_what_was_computed_elsewhere(refreshed):
    """Elsewhere all contents were in the folds, here a fifth of them is set aside."""
    summary = refreshed[1]["evaluation"]["reference"]["summary"]
    found = {metric: summary[metric]["mean"] for metric in ("plcc", "srocc", "rmse")}
    assert found == {
        "plcc": pytest.approx(0.755, abs=0.02),
        "srocc": pytest.approx(0.709, abs=0.02),
        "rmse": pytest.approx(8.11, abs=0.1),
    }


@needs_ratings
def test_no_content_is_in_two_parts(refreshed):
    evaluation = refreshed[1]["evaluation"]
    parts = [*evaluation["folds"], evaluation["test"]]
    assert len(parts) == 6
    assert sum(part["rows"] for part in parts) == refreshed[1]["table"]["rows"] == 5992
    assert all(part["rows"] % 7 == 0 for part in parts)


@needs_ratings
def test_the_ensemble_and_its_members_are_one_release_that_validates(refreshed):
    _, report, registry = refreshed
    assert tuple(artifact["path"] for artifact in report["artifacts"]) == tuple(f"{name}.onnx" for name in NAMES)
    assert sorted(row["id"] for row in json.loads((registry / "registry.json").read_text())["models"]) == sorted(NAMES)
    assert tinyai("validate", registry, "--strict")[0] == 0
    session = onnxruntime.InferenceSession(registry / "chug_hdr_mos_v1.onnx", providers=["CPUExecutionProvider"])
    assert [(i.name, i.shape) for i in session.get_inputs()] == [("features", ["N", 5]), ("ladder_onehot", ["N", 7])]
    feed = {"features": np.full((3, 5), 1e9, np.float32), "ladder_onehot": np.eye(3, 7, dtype=np.float32)}
    [scores] = session.run(None, feed)
    assert ((scores >= 0) & (scores <= 100)).all()


@needs_ratings
def test_every_reader_sees_that_the_ratings_are_not_for_commercial_use_and_the_model_not_yet_trusted(refreshed):
    *_, registry = refreshed
    for name in NAMES:
        document = json.loads((registry / f"{name}.json").read_text())
        assert "non-commercial" in document["dataset_license"]
        assert document["stage"] == "proposed"
    card = (registry / "chug_hdr_mos_v1.md").read_text()
    assert "non-commercial" in card
    assert "· proposed" in card


@needs_ratings
def test_the_head_is_validated_and_tested_on_the_rows_that_the_table_says(tmp_path):
    ratings = pd.read_parquet(RATINGS)
    part = ratings.content_name.factorize()[0] % 10
    split = np.select([part < 2, part < 3], ["test", "val"], "train")
    table, registry = tmp_path / "split.parquet", tmp_path / "registry"
    ratings.assign(split=split).to_parquet(table)
    tinyai("init", registry)
    code, report = tinyai("refresh", "chug_hdr_mos_head_v1", "--table", table, "--registry", registry)
    assert (code, report["status"]) == (0, "published"), report["gate"]
    [fold], test = report["evaluation"]["folds"], report["evaluation"]["test"]
    assert (fold["group"], fold["rows"], test["rows"]) == ("val", (split == "val").sum(), (split == "test").sum())
    assert "shared-groups" not in {caveat["code"] for caveat in report["caveats"]}
    assert tinyai("validate", registry, "--strict")[0] == 0


@needs_ratings
def test_a_table_that_does_not_come_with_its_split_is_refused():
    code, answer = tinyai("evaluate", "chug_hdr_mos_head_v1", "--table", RATINGS)
    assert code == 2
    assert "lacks the column split" in answer["error"]["message"]
