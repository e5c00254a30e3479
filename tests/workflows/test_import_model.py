"""``tinyai import``: models that others made, published as what they are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest

from tinyai_registry import Imported, load
from tinyai_registry.documents import c_reader, strict_json
from tinyai_registry.documents.schema import violations
from tinyai_registry.errors import RecipeError
from tinyai_registry.files import sha256_of
from tinyai_registry.onnxfile.runtime import known_runtimes, load_runtime

TABLE = """<ir_version: 8, opset_import: ["" : 17]> g (float[N, 2] x, float[N, 2] z) => (float[N] y)
    <float[2, 1] w = {1.0, 2.0}, int64[1] last = {1}> { a = Add(x, z) s = MatMul(a, w)  y = Squeeze(s, last) }"""
PICTURE = """<ir_version: 8, opset_import: ["" : 17]> g (float[1, 1, H, W] frame) => (float[1, 1, H, W] out)
    { out = Sigmoid(frame) }"""
SAID = ("--kind", "fr", "--license", "MIT", "--source", "https://example.org/up", "--commit", "0123abc")


@pytest.fixture
def write(tmp_path):
    """Writes a graph of another's, with weights beside it and the path of its maker in it if that is asked for."""

    def make(text: str = TABLE, name: str = "theirs.onnx", *, outside: bool = False, traces: bool = False) -> Path:
        proto, path = onnx.parser.parse_model(text), tmp_path / "upstream" / name
        path.parent.mkdir(exist_ok=True)
        for tensor in proto.graph.initializer[:1]:  # as raw bytes, which can lie outside
            tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor), tensor.name))
        if traces:
            proto.graph.node[0].doc_string = 'File "train.py", line 3'
        onnx.save(proto, path, save_as_external_data=outside, location=f"{name}.data", size_threshold=0)
        return path

    return make


@pytest.fixture
def take(tinyai, registry):
    def run(path: Path, *words: object, model: str = "up_v1"):
        return tinyai("import", model, path, "--registry", registry, *SAID, *words)

    return run


def said(root: Path, model: str = "up_v1") -> dict:
    return strict_json.read(root / f"{model}.json")


def row(root: Path) -> dict:
    [found] = strict_json.read(root / "registry.json")["models"]
    return found


def test_it_says_whence_it_is_and_that_nothing_was_judged_and_every_runtime_can_read_it(write, take, registry, tinyai):
    path = write()
    ran = take(path)
    assert ran.code == 0
    assert "nothing was trained or judged here" in ran.out
    document = said(registry)
    assert list(violations("sidecar", document)) == []
    assert (document["stage"], document["imported_from"], document["published"]) == ("proposed", "upstream", [])
    assert document["upstream"] == {
        "source": "https://example.org/up",
        "commit": "0123abc",
        "file": "theirs.onnx",
        "changes": [],
        "sha256": sha256_of(path.read_bytes()),
    }
    assert (document["input_names"], document["output_names"], document["opset"]) == (["x", "z"], ["y"], 17)
    assert (registry / "up_v1.onnx").read_bytes() == path.read_bytes()
    text = (registry / "up_v1.json").read_text()
    assert [c_reader.misread(text, runtime) for runtime in known_runtimes()] == [[], []]
    assert {"evaluation", "gate", "recipe", "table"} & document.keys() == set()
    card = (registry / "up_v1.md").read_text(encoding="utf-8")
    assert "**Nothing was trained or judged here.**" in card
    assert "Gate" not in card
    assert row(registry)["notes"] == document["notes"]
    found = tinyai("validate", registry, "--load", "--json").json["findings"]
    assert {(each["code"], each["severity"]) for each in found} == {("TAI016", "info"), ("TAI515", "info")}


def test_its_test_vector_is_what_onnxruntime_gives_and_a_swapped_graph_is_found(write, take, registry, tinyai):
    take(write())
    vector = said(registry)["artifacts"][0]["test_vector"]
    feed = {each["tensor"]: np.asarray(each["values"], np.float32) for each in vector["inputs"]}
    [given] = onnxruntime.InferenceSession(registry / "up_v1.onnx").run(["y"], feed)
    assert given.tolist() == np.asarray(vector["outputs"][0]["values"], np.float32).tolist()
    assert len(given) == 5


def test_weights_are_taken_in_and_traces_out_and_the_numbers_are_the_same(write, take, registry):
    path = write(outside=True, traces=True)
    assert (path.parent / "theirs.onnx.data").exists()
    ran = take(path)
    assert ran.code == 0
    assert "weights of theirs.onnx.data taken in" in ran.out
    assert said(registry)["upstream"]["changes"] == [
        "weights of theirs.onnx.data taken in",
        "traces of the machine that made it taken out",
    ]
    data = (registry / "up_v1.onnx").read_bytes()
    assert b"train.py" not in data
    feed = {name: np.array([[0.5, 2.0]], np.float32) for name in ("x", "z")}
    one, other = (onnxruntime.InferenceSession(each).run(["y"], feed) for each in (path, registry / "up_v1.onnx"))
    assert one[0].tolist() == other[0].tolist() == [9.0]


def test_a_picture_with_open_sizes_is_tried_with_the_sizes_that_are_given(write, take, registry, tinyai):
    path = write(PICTURE)
    ran = take(path, "--kind", "filter")
    assert ran.code == 2
    assert "--shape frame=1,1,64,64" in ran.err
    ran = take(path, "--kind", "filter", "--shape", "frame=1,1,8,8")
    assert ran.code == 0
    vector = said(registry)["artifacts"][0]["test_vector"]
    assert vector["inputs"][0]["noise"]["shape"] == vector["outputs"][0]["shape"] == [1, 1, 8, 8]
    found = tinyai("validate", registry, "--load", "--json").json["findings"]
    assert {each["code"] for each in found} == {"TAI016"}
    swapped = PICTURE.replace("Sigmoid", "Tanh")
    (registry / "up_v1.onnx").write_bytes(onnx.parser.parse_model(swapped).SerializeToString())
    assert "TAI902" in {each["code"] for each in tinyai("validate", registry, "--load", "--json").json["findings"]}


def test_figures_of_others_come_with_their_source(write, take, registry, tmp_path):
    evidence = tmp_path / "figures.json"
    evidence.write_text(json.dumps([{"metric": "IoU", "value": 0.71, "source": "https://example.org/paper"}]))
    assert take(write(), "--evidence", evidence).code == 0
    assert said(registry)["published"] == [{"metric": "IoU", "value": 0.71, "source": "https://example.org/paper"}]
    assert "| IoU | 0.71 | https://example.org/paper |" in (registry / "up_v1.md").read_text(encoding="utf-8")


def test_a_newer_file_takes_its_place_and_a_rollback_brings_back_the_one_before(write, take, registry, tinyai):
    take(write())
    first = (registry / "up_v1.onnx").read_bytes()
    assert take(write(TABLE.replace("2.0}", "3.0}")), "--license", "ISC").code == 0
    assert (registry / "up_v1.onnx").read_bytes() != first
    assert row(registry)["license"] == "ISC"
    assert tinyai("rollback", "up_v1", "--registry", registry).code == 0
    assert (registry / "up_v1.onnx").read_bytes() == first
    assert row(registry)["license"] == "MIT"


def test_a_newer_file_that_a_plugin_declares_under_a_licence_that_is_none_is_refused(
    write, take, registry, digests, install, tinyai
):
    take(write())
    install("up", PLUGIN.replace('"MIT"', '"Mine"'))
    before = digests(registry)
    ran = tinyai("refresh", "up_v1", "--table", write(TABLE.replace("2.0}", "3.0}")), "--registry", registry)
    assert ran.code == 2
    assert "TAI802" in ran.err
    assert digests(registry) == before


def test_the_licence_that_an_import_names_takes_the_place_of_what_its_owner_wrote(write, take, registry, tinyai):
    take(write())
    (registry / "registry.json").write_text((registry / "registry.json").read_text().replace('"MIT"', '"Mine"'))
    assert take(write(), "--license", "ISC").code == 0
    assert row(registry)["license"] == "ISC"
    assert tinyai("validate", registry).code == 0
    assert tinyai("rollback", "up_v1", "--registry", registry).code == 0
    assert row(registry)["license"] == "Mine"


def test_it_is_renamed_and_removed_like_any_other(write, take, registry, tinyai):
    take(write())
    assert tinyai("rename", "up_v1", "there_v1", "--registry", registry).code == 0
    assert tinyai("validate", registry, "--load").code == 0
    assert tinyai("migrate", "--registry", registry).out == "nothing to do\n"
    assert tinyai("remove", "there_v1", "--registry", registry).code == 0


def test_what_the_runtime_does_not_take_is_refused_unless_the_project_excuses_it(write, take, registry, monkeypatch):
    path = write(PICTURE.replace("1, 1, H", "1, 3, H"))
    words = ("--kind", "filter", "--shape", "frame=1,3,8,8")
    ran = take(path, *words)
    assert ran.code == 2
    assert "TAI410" in ran.err
    monkeypatch.chdir(registry.parent)
    (registry.parent / "tinyai.toml").write_text('[validate.up_v1]\nTAI410 = "fed by an extractor of its own"\n')
    assert take(path, *words).code == 0


def test_a_model_that_was_trained_here_is_not_replaced(
    duo, refresh, frame, write_table, write, take, registry, digests
):
    refresh(write_table(frame))
    before = digests(registry)
    ran = take(write(), model="duo_v1")
    assert ran.code == 2
    assert "was trained and judged here" in ran.err
    assert digests(registry) == before


MISTAKES = {
    "an unknown licence": (("--license", "BSD"), "--license BSD is no SPDX expression, such as BSD-3-Clause;"),
    "no licence": (("--license", ""), "is no SPDX expression"),
    "a word as source": (("--source", "my"), "no URL"),
    "a path as source": (("--source", "file:///models/up"), "no URL"),
    "half a URL as source": (("--source", "https://[::1"), "no URL"),
    "a secret in the source": (("--source", "https://me:word@example.org"), "would be published"),
    "no such input": (("--shape", "frame=1,2"), "names frame, which is no input"),
    "another shape": (("--shape", "x=1,3"), "is none that"),
    "no sizes": (("--shape", "x=a"), "give INPUT=SIZES"),
    "no evidence": (("--evidence", "{nothing}"), "nothing.json"),
    "evidence without a source": (("--evidence", "{evidence}"), "evidence is a list of"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_sentence_and_changes_nothing(write, take, registry, tmp_path, digests, mistake):
    (tmp_path / "evidence.json").write_text('[{"metric": "IoU", "value": 0.7}]')
    before, (words, told) = digests(registry), MISTAKES[mistake]
    places = {"nothing": tmp_path / "nothing.json", "evidence": tmp_path / "evidence.json"}
    ran = take(write(), *(word.format(**places) for word in words))
    assert ran.code == 2
    assert told in ran.err
    assert "Traceback" not in ran.err
    assert {**digests(registry), ".gitattributes": ""} == {**before, ".gitattributes": ""}


@pytest.mark.parametrize("what", ["no model", "no weights", "no file"])
def test_a_file_that_is_none_is_named(write, take, what):
    path = write(outside=True)
    if what == "no model":
        path.write_bytes(b"#!/bin/sh")
    else:
        (path if what == "no file" else path.with_name("theirs.onnx.data")).unlink()
    ran = take(path)
    assert ran.code == 2
    assert "theirs.onnx" in ran.err


# --- fed by columns of a table

ROWS_IN = """<ir_version: 8, opset_import: ["" : 17]> g (float[N, 3] features) => (float[N] y)
    <float[3, 1] w = {1.0, 2.0, 3.0}, int64[1] last = {1}> { s = MatMul(features, w)  y = Squeeze(s, last) }"""
SCALED = ROWS_IN.replace(
    "<float[3, 1]", "<float[3] mean = {0.5, 1.0, 1.0}, float[3] std = {0.5, 2.0, 2.0}, float[3, 1]"
)
SCALED = SCALED.replace("s = MatMul(features", "c = Sub(features, mean) f = Div(c, std) s = MatMul(f")
OPEN = ROWS_IN.replace("[N, 3]", "[N, F]")
FEATURES = ("--features", "adm2, vif_scale0,motion2")
# In another order than the model's, with a column that it does not know.
ROWS = {"x": [9.0, 9.0], "motion2": [2.0, 1.0], "adm2": [1.0, 0.5], "vif_scale0": [3.0, 1.0]}


@pytest.fixture
def scaler(tmp_path):
    def make(**said) -> Path:
        path = tmp_path / "scaler.json"
        path.write_text(json.dumps(said or {"mean": [0.5, 1, 1], "std": [0.5, 2, 2]}))
        return path

    return make


def score(tinyai, registry, tmp_path) -> list[float]:
    """What the command says of ``ROWS``, which is also what ``load`` does."""
    table = tmp_path / "rows.csv"
    pd.DataFrame(ROWS).to_csv(table, index=False)
    told = tinyai("score", "up_v1", table, "--registry", registry, "--json").json["rows"]
    found = [row["prediction"] for row in told]
    assert load("up_v1", registry).predict(pd.DataFrame(ROWS)).tolist() == found
    return found


def test_an_import_says_that_columns_may_be_named_where_they_can_be(write, take):
    told = "  it takes 3 columns; name them with --features, so that tables can be scored"
    assert told in take(write(ROWS_IN)).out.splitlines()
    assert "--features" not in take(write(ROWS_IN), *FEATURES).out
    for other, words in {TABLE: (), PICTURE: ("--shape", "frame=1,1,8,8"), OPEN: ("--shape", "features=1,3")}.items():
        ran = take(write(other), *words, model="other_v1")
        assert ran.code == 0
        assert "it takes" not in ran.out


def test_columns_that_a_later_import_does_not_name_are_missed_aloud(write, take, registry):
    take(write(ROWS_IN), *FEATURES)
    assert (
        "  which columns feed it is told no more; it was --features adm2,vif_scale0,motion2" in take(write(ROWS_IN)).out
    )
    assert "told no more" not in take(write(ROWS_IN)).out


def test_a_regressor_of_others_is_fed_by_the_names_of_columns(write, take, registry, tinyai, tmp_path, scaler):
    target = ("--target", "vmaf", "--target-range", "0,100")
    assert take(write(ROWS_IN), *FEATURES, "--scaler", scaler(), *target).code == 0
    # The first row in scale is 1, 1 and 0.5, the second 0, 0 and 0.
    assert score(tinyai, registry, tmp_path) == [4.5, 0.0]
    document = said(registry)
    assert list(violations("sidecar", document)) == []
    assert document["feature_order"] == ["adm2", "vif_scale0", "motion2"]
    assert (document["feature_mean"], document["feature_std"]) == ([0.5, 1.0, 1.0], [0.5, 2.0, 2.0])
    assert (document["target"], document["target_range"]) == ("vmaf", [0.0, 100.0])
    assert load("up_v1", registry).target_range == (0.0, 100.0)
    assert document["onnx_has_scaler"] is False
    card = (registry / "up_v1.md").read_text(encoding="utf-8")
    assert "- columns, in this order: `adm2`, `vif_scale0`, `motion2`" in card
    assert "- predicts `vmaf`, nominally 0 to 100" in card
    assert "model.predict(frame)  # a pandas frame with adm2, vif_scale0, …; scaled here, once" in card
    found = tinyai("validate", registry, "--load", "--json").json["findings"]
    assert {each["code"] for each in found} == {"TAI016", "TAI515"}
    standings = {m["model"]: m for m in tinyai("status", "--registry", registry, "--json").json["models"]}
    assert "takes adm2, vif_scale0, motion2, predicts vmaf" in standings["up_v1"]["reasons"]


def test_the_newer_runtime_reads_what_feeds_it(write, take, registry, scaler):
    take(write(ROWS_IN), *FEATURES, "--scaler", scaler())
    read = c_reader.read((registry / "up_v1.json").read_text(), load_runtime("vmafx"))
    assert read is not None
    assert read.feature_order == ("adm2", "vif_scale0", "motion2")
    assert (read.feature_mean, read.feature_std) == ((0.5, 1.0, 1.0), (0.5, 2.0, 2.0))
    assert not read.onnx_has_scaler


def test_who_scales_is_said_where_no_scaler_is_given(write, take, registry, tinyai, tmp_path):
    ran = take(write(ROWS_IN), *FEATURES)
    assert "the graph does not standardise, and nobody said how to: feed raw columns" in ran.out
    assert score(tinyai, registry, tmp_path) == [13.0, 5.5]
    ran = take(write(SCALED), *FEATURES)
    assert "the graph standardises its input itself; feed raw columns" in ran.out
    assert said(registry)["onnx_has_scaler"] is True
    assert score(tinyai, registry, tmp_path) == [4.5, 0.0]


@pytest.mark.parametrize("names", [("feature_mean", "feature_std"), ("input_mean", "input_std")])
def test_a_sidecar_of_any_dialect_is_a_scaler(write, take, registry, scaler, names):
    old = scaler(**dict(zip(names, ([1, 2, 3], [4, 5, 6]), strict=True)), kind="fr")
    assert take(write(ROWS_IN), *FEATURES, "--scaler", old).code == 0
    assert (said(registry)["feature_mean"], said(registry)["feature_std"]) == ([1, 2, 3], [4, 5, 6])


def test_score_says_how_columns_are_named_where_nobody_did(write, take, registry, tinyai, tmp_path):
    take(write(ROWS_IN))
    (tmp_path / "rows.csv").write_text("adm2\n1\n")
    ran = tinyai("score", "up_v1", tmp_path / "rows.csv", "--registry", registry)
    assert ran.code == 2
    assert "which columns feed features of up_v1, 3 numbers for each row; import it again, with --features" in ran.err


UNFIT = {
    "another number of columns": (ROWS_IN, ("--features", "adm2"), {}, "1 column named, and the graph takes"),
    "two inputs": (TABLE, ("--features", "a,b"), {}, "the graph takes x [N, 2], z [N, 2]"),
    "a picture": (PICTURE, (*FEATURES, "--shape", "frame=1,1,8,8"), {}, "the graph takes frame [1, 1, H, W]"),
    "an open width": (OPEN, (*FEATURES, "--shape", "features=1,3"), {}, "the graph takes features [N, F]"),
    "a column twice": (ROWS_IN, ("--features", "adm2,b,adm2"), {}, "the column adm2 is named twice"),
    "a column without a name": (ROWS_IN, ("--features", "adm2,,b"), {}, "a column has no name"),
    "a name that no loader reads": (ROWS_IN, ("--features", 'adm2,"b,c'), {}, "without quotes"),
    "scaled twice": (SCALED, FEATURES, {"mean": [1, 1, 1], "std": [1, 1, 1]}, "it standardises its input itself"),
    "a short scaler": (ROWS_IN, FEATURES, {"mean": [1], "std": [1]}, "mean has 1 number for 3 columns"),
    "a half scaler": (ROWS_IN, FEATURES, {"mean": [1, 1, 1]}, 'a scaler is {"mean"'),
    "words for numbers": (ROWS_IN, FEATURES, {"mean": ["1"], "std": ["1"]}, 'a scaler is {"mean"'),
    "a std of zero": (
        ROWS_IN,
        FEATURES,
        {"mean": [1, 1, 1], "std": [1, 0, 1]},
        "column vif_scale0 has mean 1 and std 0",
    ),
    "a range of words": (ROWS_IN, (*FEATURES, "--target-range", "0;1"), {}, "give LOW,HIGH"),
    "a range upside down": (ROWS_IN, (*FEATURES, "--target-range", "1,0"), {}, "is empty or endless"),
    "no target": (ROWS_IN, (*FEATURES, "--target", ""), {}, "target is empty"),
    "a target of nothing": (ROWS_IN, ("--target", "vmaf"), {}, "--target is told of a model that columns feed"),
}


@pytest.mark.parametrize("mistake", UNFIT)
def test_columns_that_do_not_fit_the_graph_are_refused(write, take, registry, scaler, mistake):
    text, words, given, told = UNFIT[mistake]
    ran = take(write(text), *words, *(("--scaler", scaler(**given)) if given else ()))
    assert ran.code == 2
    assert told in ran.err
    assert "Traceback" not in ran.err
    assert not (registry / "up_v1.onnx").exists()


# --- declared by a plugin

PLUGIN = """from tinyai_registry import Imported, Published, hookimpl
UP = Imported(
    "up_v1", "fr", "MIT", "https://example.org/up", file="upstream", commit="0123abc",
    published=(Published("PLCC", 0.9, "https://example.org/paper"),),
)
@hookimpl
def tinyai_imports():
    return [UP]
"""


def test_a_plugin_declares_a_model_of_others_and_a_newer_file_is_a_refresh(write, install, registry, tinyai):
    install("up", PLUGIN)
    path = write()
    words = ("refresh", "up_v1", "--table", path, "--registry", registry, "--json")
    assert tinyai(*words, "--dry-run").json["status"] == "dry-run"
    assert not (registry / "up_v1.onnx").exists()
    assert tinyai(*words).json["status"] == "imported"
    assert said(registry)["published"][0]["source"] == "https://example.org/paper"
    assert tinyai(*words).json["status"] == "up-to-date"
    write(TABLE.replace("2.0}", "3.0}"))
    assert tinyai(*words).json["entry"] == 2
    assert tinyai(*words, "--force").json["entry"] == 3


@pytest.fixture
def declared(write, install, installed, registry, tmp_path, monkeypatch):
    """A project whose one plugin declares ``up_v1``, with the file of its makers."""
    install("up", PLUGIN)
    write()
    (tmp_path / "tinyai.toml").write_text(
        '[registry]\npath = "registry"\n[tables]\nupstream = "upstream/theirs.onnx"\n'
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINYAI_BLOCK_PLUGINS", installed)
    return registry


def standing(tinyai) -> tuple[str, list[str], list[str] | None]:
    [found] = tinyai("status", "--json").json["models"]
    return found["state"], found["reasons"], found["command"]


REFRESH = ["tinyai", "refresh", "up_v1"]


def test_status_says_what_a_declared_model_of_others_needs(declared, tinyai, write, tmp_path):
    assert standing(tinyai) == ("not-imported", [], REFRESH)
    assert tinyai("refresh", "up_v1").code == 0
    assert standing(tinyai) == ("imported", ["from https://example.org/up, as its plugin says"], None)
    assert tinyai("status", "--check").code == 0
    path = write(TABLE.replace("2.0}", "3.0}"))
    assert standing(tinyai) == ("stale", ["upstream has changed"], REFRESH)
    assert tinyai("status", "--check").code == 1
    path.unlink()
    state, [why], command = standing(tinyai)
    assert (state, command) == ("no-table", None)
    assert "theirs.onnx" in why


def test_status_tells_of_another_version_that_the_plugin_names(declared, tinyai, install):
    tinyai("refresh", "up_v1")
    install("up", PLUGIN.replace("0123abc", "4567def"), version="2.0")
    said = "its plugin now says https://example.org/up at 4567def"
    assert standing(tinyai) == ("stale", [said], REFRESH)
    tinyai("refresh", "up_v1")
    assert standing(tinyai)[0] == "imported"


def test_status_does_not_fetch_a_file_that_lies_behind_a_url(declared, tinyai, install, tmp_path):
    pytest.importorskip("fsspec")
    tinyai("refresh", "up_v1")
    config = tmp_path / "tinyai.toml"
    url = (tmp_path / "upstream" / "theirs.onnx").as_uri()
    config.write_text(config.read_text().replace("upstream/theirs.onnx", url))
    told = "upstream lies behind a URL, and was not fetched to be compared"
    assert standing(tinyai) == ("not-compared", [told], ["tinyai", "status", "--check"])
    assert tinyai("status", "--check", "--json").json["models"][0]["state"] == "imported"
    install("up", PLUGIN.replace("0123abc", "4567def"), version="2.0")
    changed = "its plugin now says https://example.org/up at 4567def"
    assert standing(tinyai) == ("stale", [changed, told], REFRESH)


def test_a_plugin_says_which_columns_feed_it_and_a_change_of_them_is_published(declared, tinyai, write, install):
    write(ROWS_IN)
    tinyai("refresh", "up_v1")
    columns = (
        """    regressor=Regressor(("adm2", "vif_scale0", "motion2"), (0.5, 1, 1), (0.5, 2, 2), "vmaf", (0, 100)),\n)"""
    )
    now = PLUGIN.replace("Imported, P", "Imported, Regressor, P").replace("\n)", f"\n{columns}")
    install("up", now, version="2.0")
    assert standing(tinyai) == ("stale", ["its plugin now says other columns, scaling or target"], REFRESH)
    assert tinyai("refresh", "up_v1", "--json").json["status"] == "imported"
    assert standing(tinyai)[1][1:] == ["takes adm2, vif_scale0, motion2, predicts vmaf"]
    assert tinyai("refresh", "up_v1", "--json").json["status"] == "up-to-date"


def test_status_says_what_to_do_with_a_model_of_others_that_no_plugin_declares(write, take, registry, tinyai, duo):
    take(write())
    found = {m["model"]: m for m in tinyai("status", "--registry", registry, "--json").json["models"]}
    assert (found["up_v1"]["state"], found["up_v1"]["command"]) == ("imported", None)
    assert found["up_v1"]["reasons"] == ["others made it; `tinyai import` takes a newer file of its makers"]
    told = "no plugin declares up_v1: others made it; `tinyai import` takes a newer file of its makers"
    assert told in tinyai("refresh", "up_v1", "--registry", registry).err


def test_a_refresh_of_all_says_of_each_imported_model_that_it_is_skipped(declared, tinyai, write, take):
    tinyai("refresh", "up_v1")
    take(write(), model="other_v1")
    ran = tinyai("refresh", "--all")
    assert ran.code == 0
    assert [line.split()[:2] for line in ran.err.splitlines() if line.startswith(("up_v1 ", "other_v1 "))] == [
        ["other_v1", "skipped"],
        ["up_v1", "skipped"],
    ]
    found = {each["model"]: each for each in tinyai("refresh", "--all", "--json").json["models"]}
    assert {each["status"] for each in found.values()} == {"skipped"}
    assert found["up_v1"]["why"] == ("imported: others made it; `tinyai refresh up_v1` takes a newer file of theirs")
    assert found["other_v1"]["why"] == "imported: others made it, and no plugin declares it"


def test_a_broken_sidecar_of_an_imported_model_stops_no_refresh_of_the_others(declared, tinyai):
    tinyai("refresh", "up_v1")
    (declared / "up_v1.json").write_text("{")
    [found] = tinyai("refresh", "--all", "--json").json["models"]
    assert found["status"] == "skipped"
    assert found["why"].startswith("up_v1.json")


def test_two_plugins_that_declare_it_are_both_named(write, install, registry, tinyai):
    install("up", PLUGIN)
    install("down", PLUGIN)
    ran = tinyai("refresh", "up_v1", "--table", write(), "--registry", registry)
    assert ran.code == 2
    assert "plugin up" in ran.err
    assert "plugin down" in ran.err


WRONG = [("id", "Up"), ("kind", "xr"), ("license", ""), ("source", ""), ("source", "theirs"), ("file", "")]


@pytest.mark.parametrize(("key", "value"), WRONG)
def test_a_declaration_that_contradicts_itself_is_refused(key, value):
    good = {"id": "up_v1", "kind": "fr", "license": "MIT", "source": "https://example.org", "file": "up"}
    Imported(**good)
    with pytest.raises(RecipeError):
        Imported(**{**good, key: value})
