"""A model with a codec's block: what its sidecar says, what a C runtime reads of it, and what the graph is fed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from tinyai_registry import load
from tinyai_registry.documents.c_reader import read
from tinyai_registry.onnxfile.runtime import load_runtime

VOCABULARY = ["x264", "x265", "vp9", "unknown"]
LAYOUT = ["codec=x264", "codec=x265", "codec=vp9", "codec=unknown", "preset_norm", "crf_norm"]


@pytest.fixture
def codec_aware(install):
    """Installs the fourth plugin with parts of its source replaced."""

    def make(changes=()) -> Path:
        source = (Path(__file__).parent / "codec_aware.py").read_text(encoding="utf-8")
        for old, new in dict(changes).items():
            assert old in source
            source = source.replace(old, new)
        return install("codec_aware", source)

    return make


@pytest.fixture
def coded(frame):
    """The frame, with the codec of each row and a CRF of the usual range."""
    crf = np.resize([19, 25, 31, 37], len(frame))
    return frame.assign(codec=frame.dis_basename.str.split("_").str[1], crf=crf)


@pytest.fixture
def refresh(tinyai, registry, coded, write_table, tmp_path, monkeypatch):
    """Refreshes the model for the newer runtime and gives its report, its sidecar and its graph."""
    (tmp_path / "tinyai.toml").write_text('[registry]\npath = "registry"\nruntime = "vmafx"\n')
    monkeypatch.chdir(tmp_path)

    def run(frame=coded):
        ran = tinyai("refresh", "codec_aware_v1", "--table", write_table(frame), "--registry", registry, "--json")
        assert ran.code == 0, ran
        sidecar = json.loads((registry / "codec_aware_v1.json").read_text())
        return ran.json, sidecar, registry / "codec_aware_v1.onnx"

    return run


def test_the_sidecar_has_what_a_runtime_fills_both_inputs_from(codec_aware, refresh, tinyai, registry):
    codec_aware()
    report, sidecar, _ = refresh()
    assert (sidecar["encoder_vocab"], sidecar["encoder_vocab_version"]) == (VOCABULARY, 1)
    assert sidecar["codec_block_layout"] == LAYOUT
    assert sidecar["feature_order"] == ["adm2", "vif_scale0", "motion2"]
    features, block = sidecar["inputs"]
    assert (features["mean"], features["std"]) == (sidecar["feature_mean"], sidecar["feature_std"])
    assert block == {"tensor": "codec_block", "columns": LAYOUT}
    assert tinyai("validate", registry, "--strict", "--load", "--json").json["findings"] == []
    reading = read((registry / "codec_aware_v1.json").read_text(), load_runtime("vmafx"))
    assert list(reading.encoder_vocab) == VOCABULARY
    assert (len(reading.feature_order), len(reading.feature_mean), len(reading.feature_std)) == (3, 3, 3)
    assert (reading.codec_preset_norm, reading.codec_preset_value) == ("constant", 0.5)
    assert (reading.codec_crf_norm, reading.codec_crf_min, reading.codec_crf_max) == ("minmax", 19.0, 37.0)
    card = (registry / "codec_aware_v1.md").read_text()
    assert "those where `codec != 'mpeg2' and codec != 'svtav1'`" in card
    assert "with the vectors that the sidecar has under `inputs`; feed `codec_block` as it is." in card
    assert report["table"]["rows_used"] < report["table"]["rows"]


def test_a_one_hot_reaches_the_graph_as_0_and_1(codec_aware, refresh):
    codec_aware()
    _, sidecar, _ = refresh()
    block = next(i for i in sidecar["artifacts"][0]["test_vector"]["inputs"] if i["tensor"] == "codec_block")
    assert {value for row in block["values"] for value in row[:4]} == {0, 1}
    assert {tuple(row[4:5]) for row in block["values"]} == {(0.5,)}


def test_an_unknown_that_no_row_ever_used_is_told_with_its_error(codec_aware, refresh):
    codec_aware()
    report, *_ = refresh()
    [caveat] = [c["message"] for c in report["caveats"] if c["code"] == "untrained-unknown"]
    assert caveat.startswith("codec=unknown was never trained: ")
    assert "held-out rows that are fed as unknown have RMSE " in caveat


@pytest.mark.parametrize("changes", [{"unknown=True": "unknown=True, unknown_share=0.2"}, {'"x265", "vp9"': '"x265"'}])
def test_an_unknown_that_rows_have_trained_is_no_caveat_of_that_kind(codec_aware, refresh, changes):
    codec_aware(changes)
    report, *_ = refresh()
    codes = {caveat["code"] for caveat in report["caveats"]}
    assert "untrained-unknown" not in codes
    assert ("unlisted-values" in codes) == ("unlisted" in report["table"]) == ("unknown=True" not in changes)


def test_a_codec_that_nobody_listed_is_scored_as_the_unknown_one(codec_aware, refresh, coded, registry):
    codec_aware()
    refresh()
    model = load("codec_aware_v1", registry)
    rows = coded[coded.codec == "x264"][:5]
    scores = [model.predict(rows.assign(codec=codec)) for codec in ("x264", "av2", "h264_nvenc")]
    assert (scores[1] == scores[2]).all()
    assert (scores[0] != scores[1]).any()


@pytest.mark.parametrize(("rank", "output"), [(1, [1]), (2, [1, 1])])
def test_a_batch_of_one_and_an_output_of_rank_2(codec_aware, refresh, tinyai, registry, coded, rank, output):
    codec_aware({'batch="dynamic"': 'batch="one"', "output_rank=1": f"output_rank={rank}"})
    _, sidecar, path = refresh()
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert [i.shape for i in session.get_inputs()] == [[1, 3], [1, 6]]
    assert [o.shape for o in session.get_outputs()] == [output]
    vector = sidecar["artifacts"][0]["test_vector"]
    assert np.shape(vector["outputs"][0]["values"]) == (5,)
    assert tinyai("validate", registry, "--strict", "--load", "--json").json["findings"] == []
    assert "float32 `[1, 3]`" in (registry / "codec_aware_v1.md").read_text()
    assert load("codec_aware_v1", registry).predict(coded[coded.codec == "x264"][:7]).shape == (7,)


def test_a_sidecar_that_lists_other_encoders_than_its_recipe_is_found(codec_aware, refresh, tinyai, registry):
    codec_aware()
    refresh()
    path = registry / "codec_aware_v1.json"
    for old, new in (('"x265",', '"x266",'), ('"codec_crf_max": 37.0', '"codec_crf_max": 38.0')):
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        found = tinyai("validate", registry, "--json").json["findings"]
        path.write_text(text)
        assert [f["code"] for f in found if f["file"] == path.name and f["code"] == "TAI607"] == ["TAI607"]


TAMPERED = {
    "a mean too few": (lambda inputs: inputs[0]["mean"].pop(), {"TAI505", "TAI513"}),
    "another std": (lambda inputs: inputs[0]["std"].__setitem__(0, 7.0), {"TAI513"}),
    "another column": (lambda inputs: inputs[1]["columns"].__setitem__(0, "codec=av1"), {"TAI607"}),
    "tensors in another order": (lambda inputs: inputs.reverse(), {"TAI607"}),
}


@pytest.mark.parametrize(("change", "codes"), TAMPERED.values(), ids=TAMPERED)
def test_inputs_that_are_not_those_of_the_recipe_are_found(codec_aware, refresh, tinyai, registry, change, codes):
    codec_aware()
    refresh()
    path = registry / "codec_aware_v1.json"
    sidecar = json.loads(path.read_text())
    change(sidecar["inputs"])
    path.write_text(json.dumps(sidecar, indent=2, sort_keys=True))
    found = tinyai("validate", registry, "--json").json["findings"]
    assert codes <= {each["code"] for each in found if each["file"] == path.name}


def test_an_int8_twin_of_a_graph_that_takes_one_row_at_a_time(codec_aware, refresh, tinyai, registry):
    changes = {'batch="dynamic"': 'batch="one"', "Where,\n": "Where,\n    Int8,\n"}
    twin = {"    output_rank=1,\n": "    twins=(Int8(budget=0.9, mean=0.9, worst=0.9),),\n    output_rank=1,\n"}
    codec_aware({**changes, **twin})
    refresh()
    assert (registry / "codec_aware_v1.int8.onnx").is_file()
    assert tinyai("validate", registry, "--strict", "--load").code == 0


def test_a_key_that_no_sidecar_has_is_refused_before_the_training(codec_aware, tinyai, registry, coded, write_table):
    codec_aware({'"encoder_vocab"': '"decoder_vocab"'})
    ran = tinyai("refresh", "codec_aware_v1", "--table", write_table(coded), "--registry", registry)
    assert ran.code == 2
    assert "announces decoder_vocab, decoder_vocab_version by a sidecar_key, and the sidecar has no such key" in ran.err
