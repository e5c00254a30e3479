"""``vmaf_tiny_v2``, ``v3`` and ``v4``: their recipe, and a refresh from two real corpora where they are there."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from click.testing import CliRunner

from tinyai_registry.cli.app import main
from tinyai_registry.recipe import decisive, fingerprint
from tinyai_vmaf_tiny import FEATURES, VMAF_TINY

DATA = Path(__file__).parents[4] / "shared" / "data"
TABLES = [f"{corpus}={DATA / f'vmaf_features_{corpus}.parquet'}" for corpus in "ab"]
# A change of these literals is a decision: a new model id, never an edit.
DECIDED = {
    "vmaf_tiny_v2": "56ed4ec2bc01dbb26a49c468760295bdb4c71defa2149b6f2d82a53f5a3cd938",
    "vmaf_tiny_v3": "99dd09e34f1ece0330554935ca8276b3115b3ff8ccf2e3fded8ef00c5d53d792",
    "vmaf_tiny_v4": "8f92fa084a0e13b39a74bec9244573a14aff5b90d0a66c416d23257586635edf",
}
# As their owners count them.
PARAMETERS = {"vmaf_tiny_v2": 257, "vmaf_tiny_v3": 769, "vmaf_tiny_v4": 3073}

needs_tables = pytest.mark.skipif(not DATA.is_dir(), reason="no shared data beside the checkout")


def tinyai(*words):
    result = CliRunner().invoke(main, [*map(str, words), "--json"], catch_exceptions=False)
    return result.exit_code, json.loads(result.stdout)


@pytest.mark.parametrize("recipe", VMAF_TINY, ids=lambda recipe: recipe.id)
def test_the_recipe_is_the_one_that_was_decided(recipe):
    assert fingerprint(decisive(recipe)) == DECIDED[recipe.id]
    widths = (len(FEATURES), *recipe.architecture.hidden, 1)
    assert sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(widths)) == PARAMETERS[recipe.id]


def test_the_sizes_differ_in_nothing_else():
    one, *others = (decisive(recipe) for recipe in VMAF_TINY)
    for other in others:
        assert {key for key in {*one, *other} if one.get(key) != other.get(key)} == {"id", "architecture", "twins"}
        assert other["twins"] == [{"Int8": {"budget": 0.01, "in_float": ["last"]}}]


@pytest.fixture(scope="module")
def refreshed(tmp_path_factory):
    """Exit code and answer of a refresh from both corpora, and the registry."""
    registry = tmp_path_factory.mktemp("tiny") / "registry"
    tinyai("init", registry)
    tables = [word for table in TABLES for word in ("--table", table)]
    return *tinyai("refresh", "vmaf_tiny_v2", *tables, "--registry", registry), registry


@needs_tables
def test_every_corpus_is_trained_on_and_the_sources_of_one_are_held_out(refreshed):
    code, report, _ = refreshed
    assert (code, report["status"]) == (0, "published")
    assert report["gate"][1]["criterion"] == "mean PLCC over folds >= 0.97"
    table, folds = report["table"], report["evaluation"]["folds"]
    assert [(c["corpus"], c["rows"]) for c in table["corpora"]] == [("a", 10848), ("b", 10848)]
    assert (table["rows"], sum(fold["rows"] for fold in folds), len(folds)) == (21696, 10848, 11)


@needs_tables
def test_the_graph_takes_raw_features(refreshed):
    *_, registry = refreshed
    frame = pd.read_parquet(TABLES[0].partition("=")[2])
    session = onnxruntime.InferenceSession(registry / "vmaf_tiny_v2.onnx", providers=["CPUExecutionProvider"])
    [scores] = session.run(["vmaf"], {"features": frame[list(FEATURES)].to_numpy(np.float32)})
    assert np.corrcoef(scores, frame.vmaf)[0, 1] > 0.99


@needs_tables
def test_a_second_refresh_is_up_to_date_whatever_the_order_of_the_corpora(refreshed):
    *_, registry = refreshed
    tables = [word for table in TABLES[::-1] for word in ("--table", table)]
    assert tinyai("refresh", "vmaf_tiny_v2", *tables, "--registry", registry)[1]["status"] == "up-to-date"
