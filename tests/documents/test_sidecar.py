"""The sidecar: what it says, and what the C runtime makes of it."""

from __future__ import annotations

import json

import pytest

from tinyai_registry.documents import c_reader
from tinyai_registry.documents.sidecar import render
from tinyai_registry.errors import DocumentError
from tinyai_registry.onnxfile.runtime import known_runtimes, load_runtime
from tinyai_registry.recipe import fingerprint


def test_it_says_how_to_call_the_model_in_both_dialects(sidecar):
    assert sidecar["id"] == sidecar["name"] == "tone_v1"
    assert sidecar["opset"] == sidecar["onnx_opset"] == 17
    assert sidecar["input_names"] == [sidecar["input_name"]] == ["x"]
    assert sidecar["output_names"] == [sidecar["output_name"]] == ["score"]
    assert sidecar["feature_order"] == ["low", "high"]


def test_training_has_the_keys_of_earlier_sidecars_and_leaves_out_what_is_undefined(sidecar):
    assert sidecar["training"] == {
        "dataset": "made-up",
        "n_sources": 2,
        "n_pairs": 4,
        "cv_mean_plcc": 0.8,
        "cv_std_plcc": 0.1414,
        "cv_mean_rmse": 0.5,
        "in_sample_plcc": 0.9,
    }


def test_an_undefined_metric_is_null_beside_its_reason(sidecar):
    fold = sidecar["evaluation"]["folds"][1]
    assert fold["srocc"] is None
    assert fold["undefined"] == {"srocc": "the prediction is constant (3)"}
    assert "undefined" not in sidecar["evaluation"]["folds"][0]
    assert sidecar["evaluation"]["summary"]["srocc"]["undefined"] == "undefined in fold-2"


def test_anyone_can_recompute_the_recipes_fingerprint(sidecar):
    assert fingerprint(json.loads(render(sidecar))["recipe"]) == sidecar["recipe_fingerprint"]


def test_the_c_reader_finds_what_is_meant(sidecar, c_read):
    text = render(sidecar)
    assert [c_reader.misread(text, runtime) for runtime in known_runtimes()] == [[], []]
    for key in ("kind", "name", "input_name", "output_name", "onnx_opset", "output_names", "feature_order"):
        assert c_read(text, key) == sidecar[key], key
    assert c_read(text, "onnx_has_scaler") is True


TRAPS = {
    "a nested kind": lambda s: s["card"].update(kind="fr"),
    "a nested name": lambda s: s["evaluation"].update(name="x"),
    "a string that is a key": lambda s: s["caveats"].append({"code": "x", "message": "kind"}),
    "a group called name": lambda s: s["evaluation"]["folds"][0].update(group="name"),
    "a key that is only nested": lambda s: s["provenance"]["packages"].update(quant_mode="static"),
    "a feature called like a key": lambda s: s["artifacts"][0].update(path="onnx_opset"),
}


@pytest.mark.parametrize("spoil", TRAPS.values(), ids=TRAPS)
def test_a_word_that_the_c_reader_would_take_for_a_key_is_refused_with_its_line(sidecar, spoil):
    spoil(sidecar)
    with pytest.raises(DocumentError, match=r"sidecar of tone_v1: the C reader takes line \d+ for the key"):
        render(sidecar)


def test_a_sidecar_that_the_c_reader_would_not_take_whole_is_refused(sidecar):
    sidecar["notes"] = "x" * load_runtime().sidecar.max_bytes
    with pytest.raises(DocumentError, match="at most 1048576 bytes"):
        render(sidecar)


def test_a_name_that_a_c_reader_would_take_for_another_is_refused_with_what_to_do(sidecar):
    sidecar["feature_order"] = ["low", "höhe"]
    with pytest.raises(DocumentError) as told:
        render(sidecar)
    assert str(told.value) == (
        "sidecar of tone_v1: the C reader knows no escapes, and the value of 'feature_order' has one (vmafx); write it "
        "in ASCII, without quotes and backslashes"
    )


@pytest.mark.parametrize(("mean", "std"), [(1e39, 1.0), (1e-320, 1.0), (0.0, 1e-50)])
def test_a_scaler_that_float32_does_not_hold_is_refused(sidecar, mean, std):
    sidecar |= {"feature_mean": [0.5, mean], "feature_std": [1.0, std]}
    with pytest.raises(DocumentError, match=r"feature_(mean|std)\[1\] is .*, which is no float32"):
        render(sidecar)


@pytest.mark.parametrize("harmless", ['say "kind" here', "kind of", "the name", '\\"name\\"'])
def test_words_that_only_contain_a_key_are_harmless(sidecar, harmless, c_read):
    sidecar["caveats"][0]["message"] = harmless
    text = render(sidecar)
    assert c_read(text, "kind") == "nr"
    assert c_read(text, "name") == "tone_v1"
