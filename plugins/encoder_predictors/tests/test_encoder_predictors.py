"""``predictor_<codec>_v1``: one recipe for every codec, and what becomes of each on the real encodes."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pandas as pd
import pytest
from click.testing import CliRunner

from tinyai_encoder_predictors import PREDICTORS, SETTINGS
from tinyai_registry.cli.app import main
from tinyai_registry.recipe import decisive, fingerprint

ENCODES = Path(__file__).parents[4] / "shared" / "data" / "vmaf_clips_ab.parquet"
# A change of a literal is a decision: a new model id, never an edit.
DECIDED = {
    "predictor_x264_v1": "60369fa63f88f11d73347ed851c4d4dc3e91ffd4f0eb1fd8f2ddb8c8294b7747",
    "predictor_x265_v1": "f35fa4f7fb6a05e938019a66ce92e48869b9a9a51aa71d3008194d47e21e4d74",
    "predictor_vp9_v1": "787d4aab7695e673a2004204300025acc9eef308b67ef28acb2f66f1ada4650d",
    "predictor_svtav1_v1": "a05ad6c47b72848911c9d7cf74420ce6c202c3ea404cee1aa4c2d2aa8d2fd63f",
    "predictor_mpeg2_v1": "ba609d623d955a99c295e01b03d02195758394020d4c3b8203478ea99361a112",
}
needs_encodes = pytest.mark.skipif(not ENCODES.is_file(), reason="no shared data beside the checkout")


def tinyai(*words):
    result = CliRunner().invoke(main, [*map(str, words), "--json"], catch_exceptions=False)
    return result.exit_code, json.loads(result.stdout)


@pytest.mark.parametrize("recipe", PREDICTORS, ids=lambda recipe: recipe.id)
def test_the_recipe_is_the_one_that_was_decided(recipe):
    assert fingerprint(decisive(recipe)) == DECIDED[recipe.id]


def test_the_predictors_differ_in_their_rows_alone():
    first, *others = (decisive(recipe) for recipe in PREDICTORS)
    for other in others:
        assert {key for key in first if first[key] != other.get(key)} == {"id", "rows"}


@needs_encodes
def test_there_is_a_predictor_for_every_codec_of_the_table():
    assert set(pd.read_parquet(ENCODES, columns=["codec"]).codec) == set(SETTINGS)


@needs_encodes
def test_what_passes_is_published_for_a_batch_of_one_and_what_does_not_is_refused(tmp_path):
    registry = tmp_path / "registry"
    tinyai("init", registry)
    refreshed = {r.id: tinyai("refresh", r.id, "--table", ENCODES, "--registry", registry) for r in PREDICTORS}
    statuses = {model: (code, report["status"]) for model, (code, report) in refreshed.items()}
    published, refused = (0, "published"), (3, "refused")
    assert statuses == {
        "predictor_x264_v1": refused,
        "predictor_x265_v1": refused,
        "predictor_vp9_v1": refused,
        "predictor_svtav1_v1": refused,
        "predictor_mpeg2_v1": published,
    }
    for code, report in refreshed.values():
        assert all(verdict["passed"] for verdict in report["gate"]) is (code == 0)
    assert tinyai("validate", registry, "--strict")[0] == 0
    graph = onnx.load(registry / "predictor_mpeg2_v1.onnx").graph
    assert [size.dim_value for size in graph.input[0].type.tensor_type.shape.dim] == [1, 5]
    assert "few-rows" in {caveat["code"] for caveat in refreshed["predictor_mpeg2_v1"][1]["caveats"]}
