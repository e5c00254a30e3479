"""``konvid_mos_v1`` and ``youtube_ugc_mos_v1``: their recipes, and refreshes from the real ratings."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

import tinyai_konvid_mos
from tinyai_konvid_mos import KONVID_MOS_HEAD_V1, KONVID_MOS_V1, YOUTUBE_UGC_MOS_V1
from tinyai_registry import RepeatedHoldout
from tinyai_registry.cli.app import main
from tinyai_registry.recipe import decisive, fingerprint

DATA = Path(__file__).parents[4] / "shared" / "data"
MODELS = {"KONVID_MOS_V1": "konvid_1k_videval.parquet", "YOUTUBE_UGC_MOS_V1": "youtube_ugc_videval.parquet"}
# A change of these literals is a decision: a new model id, never an edit.
DECIDED = {
    KONVID_MOS_V1: "fd8916ea90763fb338a75bf1857a1d3f32a5bec564e4c5525b7d054022911eab",
    YOUTUBE_UGC_MOS_V1: "6255418206107840d1598b3f59515e3392a5d793c0599c48ac08e482fd10604c",
    KONVID_MOS_HEAD_V1: "32f6832770d8dc002347175518e888e32e55f532caf3157e1275345048ef2928",
}

needs_ratings = pytest.mark.skipif(not DATA.is_dir(), reason="no shared data beside the checkout")


def tinyai(*words):
    result = CliRunner().invoke(main, [*map(str, words), "--json"], catch_exceptions=False)
    return result.exit_code, json.loads(result.stdout)


@pytest.mark.parametrize(("recipe", "decided"), DECIDED.items(), ids=lambda each: getattr(each, "id", ""))
def test_the_recipe_is_the_one_that_was_decided(recipe, decided):
    assert fingerprint(decisive(recipe)) == decided


def test_the_two_models_are_fed_and_judged_alike():
    one, other = (decisive(recipe) for recipe in (KONVID_MOS_V1, YOUTUBE_UGC_MOS_V1))
    assert {key for key in {*one, *other} if one.get(key) != other.get(key)} <= {"id", "dataset", "architecture"}


@pytest.mark.parametrize("recipe", [KONVID_MOS_V1, YOUTUBE_UGC_MOS_V1], ids=lambda recipe: recipe.id)
def test_the_protocol_is_the_published_one(recipe):
    [protocol] = recipe.protocols
    assert (protocol.name, protocol.scheme, protocol.mapping) == (
        "repeated-holdout",
        RepeatedHoldout(100, test=0.2),
        "logistic4",
    )


def test_all_members_together_have_at_most_100_000_parameters():
    widths = (60, *KONVID_MOS_V1.architecture.hidden, 1)
    each = sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(widths))
    assert each * len(KONVID_MOS_V1.seeds) <= 100_000


@pytest.fixture
def quick(monkeypatch):
    """The protocol of each recipe with ten splits in place of a hundred; it is no part of the fingerprint."""
    for name in MODELS:
        recipe = getattr(tinyai_konvid_mos, name)
        [protocol] = recipe.protocols
        ten = replace(protocol, scheme=replace(protocol.scheme, splits=10))
        monkeypatch.setattr(tinyai_konvid_mos, name, replace(recipe, protocols=(ten,)))


@needs_ratings
@pytest.mark.parametrize("name", MODELS)
def test_a_refresh_from_the_real_ratings_passes_its_gate_and_nears_the_published_figures(quick, tmp_path, name):
    recipe, table, registry = getattr(tinyai_konvid_mos, name), DATA / MODELS[name], tmp_path / "registry"
    tinyai("init", registry)
    code, report = tinyai("refresh", recipe.id, "--table", table, "--registry", registry)
    assert (code, report["status"]) == (0, "published"), report["gate"]
    assert len(report["gate"]) == 5
    assert tinyai("validate", registry, "--strict")[0] == 0
    document = json.loads((registry / f"{recipe.id}.json").read_text())
    assert document["onnx_has_scaler"] is True
    assert len(document["feature_fill"]) == 60
    assert report["table"]["missing_cells"]
    [protocol] = document["protocols"]
    assert protocol["splits"] == 10
    for figure in protocol["published"]:  # ten splits are noisier than a hundred
        assert protocol["summary"][figure["metric"]]["median"] >= figure["value"] - 0.02
    assert "## Protocol: repeated-holdout" in (registry / f"{recipe.id}.md").read_text()


@needs_ratings
def test_the_head_has_two_inputs_and_passes_the_gate_of_a_stand_in(tmp_path):
    table, registry = DATA / MODELS["KONVID_MOS_V1"], tmp_path / "registry"
    tinyai("init", registry)
    code, report = tinyai("refresh", "konvid_mos_head_v1", "--table", table, "--registry", registry)
    assert (code, report["status"]) == (0, "published"), report["gate"]
    assert tinyai("validate", registry, "--strict")[0] == 0
    document = json.loads((registry / "konvid_mos_head_v1.json").read_text())
    assert (document["input_names"], document["output_names"]) == (["features", "encoder_onehot"], ["mos"])
    [vector] = [artifact["test_vector"] for artifact in document["artifacts"]]
    assert {value for row in vector["inputs"][1]["values"] for value in row} == {1.0}
    assert all(1 <= score <= 5 for score in vector["outputs"][0]["values"])
    assert "weak-fold" not in {caveat["code"] for caveat in report["caveats"]}
