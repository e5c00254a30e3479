"""A plugin whose inputs are pictures, written from its page alone; and what goes wrong in one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest

from tinyai_registry import load
from tinyai_registry.errors import RecipeError
from tinyai_registry.lab.noise import draw, make
from tinyai_registry.recipe import HeldOut, KFold, MeanBy, Protocol, Tensor

PAGE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")
SOURCE = re.search(r'```python\n("""``shade_v1``.*?)^```', PAGE, re.MULTILINE | re.DOTALL)[1]
# The same pictures, and a model that gives one: luma, doubled.
FILTER = {
    'kind="nr"': 'kind="filter"',
    'target="brightness"': 'target=Tensor("bright", shape=(1, 8, 8), of=("level", "seed"))',
    "target_range=(0.0, 10.0)": "target_range=(0.0, 2.0)",
    'Criterion("plcc", "min", ">=", 0.9)': 'Criterion("gain", "min", ">=", 0.9)',
    "(float[1] score) <float slope": "(float[1, 1, 8, 8] score) <float slope",
    "mean = ReduceMean<axes = [1, 2, 3], keepdims = 0>(luma)  ": "mean = Identity(luma)  ",
    'return {"luma": np.stack([picture(level, seed) for level, seed in zip(chosen.level, chosen.seed)])}': (
        "luma = np.stack([picture(level, seed) for level, seed in zip(chosen.level, chosen.seed)])\n"
        '    return {"luma": luma, "bright": 2 * luma}'
    ),
    'inputs["luma"].mean(axis=(1, 2, 3), dtype=np.float64)': 'inputs["luma"].astype(np.float64)',
    "    def mean_luma(rows):\n": "    return [Line([0, 1], [0, 2]) for _ in fits]\n\n    def mean_luma(rows):\n",
}
MEASURE = """
@hookimpl
def tinyai_measure(recipe, inputs, target, prediction):
    error, before = (abs(each - target).reshape(len(target), -1).mean(axis=1) for each in (prediction, inputs["luma"]))
    return {"gain": 1 - error / before}
"""


@pytest.fixture
def shade(install):
    def make(changes: dict[str, str] | None = None, more: str = "") -> None:
        source = SOURCE
        for old, new in (changes or {}).items():
            assert old in source, old
            source = source.replace(old, new)
        install("shade", source + more)

    return make


@pytest.fixture
def table(write_table) -> Path:
    level = np.linspace(0.1, 0.9, 40)
    return write_table(pd.DataFrame({"level": level, "seed": range(40), "brightness": 10 * level}))


@pytest.fixture
def refresh(tinyai, registry, table):
    def run(*words):
        return tinyai("refresh", "shade_v1", "--table", table, "--registry", registry, "--json", *words)

    return run


def sidecar(registry: Path) -> dict:
    return json.loads((registry / "shade_v1.json").read_text(encoding="ascii"))


def test_the_plugin_of_the_page_publishes_a_model_that_sees_pictures(shade, tinyai, registry, refresh):
    shade()
    ran = refresh()
    assert ran.code == 0, ran.err
    said = sidecar(registry)
    assert said["input_names"] == ["luma"]
    assert said["onnx_has_scaler"] is True
    assert not {"feature_order", "feature_mean", "feature_std"} & said.keys()
    assert said["recipe"]["inputs"] == [{"Tensor": {"tensor": "luma", "shape": [1, 8, 8], "of": ["level", "seed"]}}]
    assert said["evaluation"]["summary"]["plcc"]["min"] > 0.9
    checked = tinyai("validate", registry, "--load", "--json", "--strict")
    assert checked.code == 0
    assert checked.json["findings"] == []
    assert refresh().json["status"] == "up-to-date"
    assert refresh("--force").json["shipped"]["summary"]["plcc"]["min"] > 0.9
    model = load("shade_v1", registry)
    assert (model.columns, set(model.arrays)) == ((), {"luma"})
    bright = model.predict({"luma": np.full((3, 1, 8, 8), 0.5)})
    assert bright.shape == (3,)
    assert bright == pytest.approx(5, abs=0.5)


def test_a_test_vector_of_pictures_is_noise_that_anyone_can_make_and_tells_other_weights(
    shade, registry, refresh, tinyai
):
    shade()
    refresh()
    [artifact] = sidecar(registry)["artifacts"]
    [fed] = artifact["test_vector"]["inputs"]
    noise = fed["noise"]
    state = np.uint64(noise["seed"]) + np.uint64(0x9E3779B97F4A7C15)  # of the first value, as the schema tells it
    with np.errstate(over="ignore"):
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            state = (state ^ (state >> np.uint64(shift))) * np.uint64(factor)
    first = float((state ^ (state >> np.uint64(31))) >> np.uint64(40)) / 2**24
    values = draw(tuple(noise["shape"]), noise["seed"], noise["low"], noise["high"])[1]
    assert values.flat[0] == np.float32(noise["low"] + (noise["high"] - noise["low"]) * first)
    assert noise["low"] <= values.min() < values.max() <= noise["high"]
    path = registry / "shade_v1.onnx"
    graph = onnx.load(path)
    next(each for each in graph.graph.initializer if each.name == "slope").float_data[:] = [3.0]
    path.write_bytes(graph.SerializeToString())
    found = tinyai("validate", registry, "--load", "--json").json["findings"]
    assert "TAI902" in {each["code"] for each in found}


def test_noise_with_another_digest_is_not_used():
    noise, values = draw((2, 3), 7, -1.0, 1.0)
    assert np.array_equal(make(noise), values)
    with pytest.raises(ValueError, match="has the digest"):
        make(type(noise)(noise.shape, 8, noise.low, noise.high, noise.sha256))


def test_a_model_may_give_a_picture_which_its_plugin_measures(shade, tinyai, registry, refresh):
    shade(FILTER, MEASURE)
    ran = refresh()
    assert ran.code == 0, ran.err
    evaluation = ran.json["evaluation"]
    assert list(evaluation["summary"]) == ["gain"]
    assert evaluation["summary"]["gain"]["min"] == pytest.approx(1, abs=1e-6)
    assert all(set(fold) == {"group", "rows", "clips", "tied_targets", "gain"} for fold in evaluation["folds"])
    [output] = sidecar(registry)["artifacts"][0]["test_vector"]["outputs"]
    assert (output["shape"], len(output["positions"]), len(output["values"])) == ([5, 1, 8, 8], 65, 65)
    card = (registry / "shade_v1.md").read_text()
    assert "- output `score` float32 `[1, 1, 8, 8]`: `bright`, nominally 0 to 2" in card
    checked = tinyai("validate", registry, "--load", "--json", "--strict")
    assert checked.json["findings"] == []
    assert refresh().json["status"] == "up-to-date"
    luma = np.linspace(0, 1, 128, dtype=np.float32).reshape(2, 1, 8, 8)
    assert np.allclose(load("shade_v1", registry).predict({"luma": luma}), 2 * luma)


def test_portions_of_a_protocol_are_measured_as_one_process_does(shade, table, tmp_path, monkeypatch):
    from tinyai_registry.evaluation.progress import Progress
    from tinyai_registry.lab.table import read_table
    from tinyai_registry.plugins.discovery import discover
    from tinyai_registry.plugins.owner import find_owner
    from tinyai_registry.workflows.judging.held_out import fetch_by
    from tinyai_registry.workflows.judging.protocols import evaluate_protocols
    from tinyai_registry.workflows.workers.engine import Engine

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    shade(FILTER, MEASURE)
    owner = find_owner(discover(), "shade_v1")
    read = read_table(table, owner.recipe, fetch_by(owner))
    asked = [Protocol("set-aside", HeldOut(KFold(3), test=0.2))]
    [here], [apart] = (evaluate_protocols(owner, read, asked, Progress(), engine) for engine in (None, Engine(jobs=1)))
    assert here.evaluation.test is not None
    assert apart == here


WRONG = {
    "no hook gives it": (
        {"def tinyai_inputs(recipe, table, rows)": "def tinyai_describe(recipe, evaluation)"},
        "returned nothing, and not the tensor luma",
    ),
    "another shape": (
        {"(0, 0.1, (1, 8, 8))": "(0, 0.1, (1, 8, 9))"},
        r"the tensor luma with the shape \(26, 1, 8, 9\)",
    ),
    "what is no number": ({'return {"luma": np.stack(': 'return {"luma": np.nan * np.stack('}, "is not finite in row"),
    "a metric of scores": (
        {**FILTER, 'Criterion("plcc", "min", ">=", 0.9)': 'Criterion("plcc", "min", ">=", 0.9)'},
        "plcc is of scores, and the target is a tensor",
    ),
}


@pytest.mark.parametrize(("changes", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_tensors_is_told_in_one_sentence(shade, registry, refresh, digests, changes, message):
    shade(changes, MEASURE if 'kind="nr"' in changes else "")
    before = digests(registry)
    ran = refresh()
    assert ran.code == 2
    assert re.search(message, ran.err), ran.err
    assert digests(registry) == before


CONTRADICTIONS = {
    "a reference": ({"reference": MeanBy("seed")}, "a reference model predicts a column"),
    "stratified folds": ({"folds": KFold(3, stratify=True)}, "a tensor is no target to stratify by"),
    "a rank": ({"output_rank": 2}, "output_rank speaks of scores"),
    "a name twice": ({"target": Tensor("luma", (1, 8, 8))}, "two tensors share a name"),
}


@pytest.mark.parametrize(("changes", "message"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_tensor_as_target_contradicts_what_is_of_scores(changes, message):
    from dataclasses import replace

    scope: dict = {}
    exec(SOURCE, scope)  # the page's own code
    recipe = replace(scope["SHADE_V1"], target=Tensor("bright", (1, 8, 8)), kind="filter")
    with pytest.raises(RecipeError, match=message):
        replace(recipe, **changes)


@pytest.mark.parametrize("shape", [(), (0, 8), 8])
def test_a_tensor_has_a_shape(shape):
    with pytest.raises(RecipeError, match=r"Tensor\.shape must be"):
        Tensor("luma", shape)
