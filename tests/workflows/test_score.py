"""A model is handed out when its bytes, its weights and its test vector hold; ``tinyai score`` tells what it says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tinyai_registry
from tinyai_registry import LoadedModel, TinyaiError, load, open_log
from tinyai_registry.errors import ConfigError
from tinyai_registry.workflows.score import pool

EXAMPLES = Path(__file__).parents[2] / "examples"
REGISTRY = EXAMPLES / "registry"
FR = "fr_regressor_v1"


@pytest.fixture
def copy(tmp_path) -> Path:
    return shutil.copytree(REGISTRY, tmp_path / "copy")


# --- load


def test_a_release_predicts_what_onnxruntime_gives_for_standardised_rows(frame):
    model = load(FR, REGISTRY)
    said = json.loads((REGISTRY / f"{FR}.json").read_text())
    assert isinstance(model, LoadedModel)
    assert (model.id, model.sha256, model.sidecar) == (FR, said["sha256"], said)
    rows = (frame[said["feature_order"]].to_numpy() - said["feature_mean"]) / said["feature_std"]
    [expected] = onnxruntime.InferenceSession(REGISTRY / f"{FR}.onnx").run(None, {"features": rows.astype(np.float32)})
    assert np.abs(model.predict(frame) - expected).max() < 1e-4


def test_the_registry_is_that_of_the_configuration_where_none_is_named(monkeypatch):
    monkeypatch.chdir(EXAMPLES)
    assert load(FR).id == FR


def test_two_inputs_that_the_graph_scales_itself(refresh, duo, registry, frame, write_table):
    assert refresh(write_table(frame)).code == 0
    model = load("duo_v1", registry)
    assert model.columns == ("vif_scale0", "vif_scale1", "adm2", "motion2")
    assert np.corrcoef(model.predict(frame), frame.vmaf)[0, 1] > 0.8


def spoil_bytes(folder: Path) -> None:
    path = folder / f"{FR}.onnx"
    path.write_bytes(path.read_bytes()[:-1] + b"\0")


def spoil_vector(folder: Path) -> None:
    path = folder / f"{FR}.json"
    said = json.loads(path.read_text())
    graph = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> g (float[N, 6] features) => (float[N] score) '
        "<int64[1] axis = {1}> { score = ReduceSum<keepdims = 0>(features, axis) }"
    )
    (folder / f"{FR}.onnx").write_bytes(graph.SerializeToString())
    sha256 = tinyai_registry.files.sha256_of(graph.SerializeToString())
    values = [[1.0] * 6]
    vector = {
        "inputs": [{"tensor": "features", "values": values}],
        "outputs": [{"tensor": "score", "values": [7.0]}],
        "tolerance": 0.01,
    }
    said["artifacts"][0] |= {"sha256": sha256, "bytes": 1, "test_vector": vector}
    path.write_text(json.dumps({**said, "sha256": sha256}))
    row = json.loads((folder / "registry.json").read_text())["models"][0]
    (folder / "registry.json").write_text(json.dumps({"models": [{**row, "sha256": sha256}], "schema_version": 1}))


def spoil_sidecar(folder: Path) -> None:
    path = folder / f"{FR}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "feature_mean": "none"}))


def remove_model(folder: Path) -> None:
    (folder / "registry.json").write_text('{"models": [], "schema_version": 1}')


SPOILT = {
    "other bytes": (spoil_bytes, "is not what was registered"),
    "other numbers": (spoil_vector, "row 0 of its test vector gives score 6, published was 7"),
    "a sidecar that breaks its schema": (spoil_sidecar, "the sidecar of fr_regressor_v1 is broken"),
    "no such model": (remove_model, "has no model 'fr_regressor_v1'"),
}


@pytest.mark.parametrize(("spoil", "told"), SPOILT.values(), ids=SPOILT)
def test_a_model_that_does_not_hold_is_not_handed_out(tinyai, copy, spoil, told):
    assert load(FR, copy).columns
    spoil(copy)
    with pytest.raises(TinyaiError, match=told):
        load(FR, copy)
    ran = tinyai("score", FR, EXAMPLES / "tables" / "vmaf_features_b.parquet", "--registry", copy, "--json")
    assert ran.code == 2
    assert told in ran.json["error"]["message"]


def test_a_twin_that_nobody_registered_is_not_looked_for(copy):
    with pytest.raises(TinyaiError, match="has no int8 twin that its row gives the digest of"):
        load(FR, copy, twin=True)


OTHERS = {
    "vmaf_tiny_v2": False,
    "vmaf_tiny_v4": False,
    "the twin of vmaf_tiny_v4": True,
}


@pytest.mark.parametrize("name", OTHERS)
def test_models_of_other_tools_and_their_twins_predict(shared, frame, name):
    model = load(name.rpartition(" ")[2], shared / "real-registry", twin=OTHERS[name])
    assert np.corrcoef(model.predict(frame), frame.vmaf)[0, 1] > 0.999


def test_a_picture_model_of_another_tool_takes_arrays(shared):
    for twin in (False, True):
        model = load("learned_filter_v1", shared / "real-registry", twin=twin)
        assert (model.columns, model.arrays) == ((), {"degraded": ("batch", 1, 224, 224)})
        assert model.predict({"degraded": np.zeros((2, 1, 224, 224))}).shape == (2, 1, 224, 224)


def test_weights_that_no_digest_covers_are_not_run(shared):
    with pytest.raises(TinyaiError, match=r"no digest covers the weights outside the file.*TAI907"):
        load(FR, shared / "real-registry")


# --- pooling


def test_the_harmonic_mean_is_libvmafs_and_there_may_be_none():
    pooled = pool(np.array([50.0, 100.0, 0.0]))
    assert (pooled.rows, pooled.mean, pooled.min) == (3, 50.0, 0.0)
    assert pooled.harmonic_mean == pytest.approx(3 / (1 / 51 + 1 / 101 + 1) - 1)
    assert pooled.p5 == pytest.approx(5.0)
    assert pool(np.array([-1.0, 5.0])).harmonic_mean is None


# --- tinyai score


@pytest.fixture
def score(tinyai):
    return lambda table, *words: tinyai("score", FR, table, "--registry", REGISTRY, *words)


def test_score_gives_each_row_and_the_pool(score, frame, write_table):
    expected = load(FR, REGISTRY).predict(frame)
    answer = score(write_table(frame), "--by", "source", "--json").json
    assert [row["prediction"] for row in answer["rows"]] == expected.tolist()
    assert answer["rows"][1]["frame_index"] == frame.frame_index[1]
    assert answer["pooled"]["mean"] == expected.mean()
    assert set(answer["groups"]) == set(frame.source)
    of_one = expected[(frame.source == "CityNight").to_numpy()]
    assert answer["groups"]["CityNight"]["p5"] == np.percentile(of_one, 5)


@pytest.mark.parametrize("ending", ["csv", "json", "parquet", "PARQUET"])
def test_predictions_are_written_as_the_ending_says(score, frame, write_table, tmp_path, ending):
    out = tmp_path / f"out.{ending}"
    assert score(write_table(frame), "-o", out).code == 0
    read = {"csv": pd.read_csv, "json": pd.read_json, "parquet": pd.read_parquet}[ending.lower()](out)
    assert list(read) == ["source", "dis_basename", "frame_index", "prediction"]
    assert np.allclose(read.prediction, load(FR, REGISTRY).predict(frame), atol=1e-10)
    assert read.dis_basename.tolist() == frame.dis_basename.tolist()


def test_a_table_may_be_csv_and_have_no_key(score, frame, tmp_path):
    features = load(FR, REGISTRY).columns
    frame[[*features, "vmaf"]].head(3).to_csv(tmp_path / "t.csv", index=False)
    answer = score(tmp_path / "t.csv", "--json").json
    assert [row["row"] for row in answer["rows"]] == [0, 1, 2]
    assert np.allclose([row["prediction"] for row in answer["rows"]], load(FR, REGISTRY).predict(frame.head(3)))


LABELS = {
    "moments": (pd.Timestamp("2026-01-01"), "2026-01-01 00:00:00", "2026-01-01"),
    "bytes": (b"a clip", "a clip", "b'a clip'"),
    "digits": ("007", "007", "007"),
    "truths": (True, "True", "True"),
    "nothing": (None, None, ""),
}


@pytest.mark.parametrize(("given", "read", "read_from_csv"), LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("ending", ["json", "csv", "parquet"])
def test_a_row_keeps_its_name_whatever_type_that_has(score, frame, tmp_path, given, read, read_from_csv, ending):
    rows = frame.head(3).assign(dis_basename=given)
    rows.to_parquet(tmp_path / "t.parquet")
    rows.to_csv(tmp_path / "t.csv", index=False)
    for table, name in (("t.parquet", read), ("t.csv", read_from_csv)):
        answer = score(tmp_path / table, "--by", "dis_basename", "--json", "-o", tmp_path / f"out.{ending}")
        assert [row["dis_basename"] for row in answer.json["rows"]] == [name] * 3
        assert [row["frame_index"] for row in answer.json["rows"]] == rows.frame_index.tolist()
        assert list(answer.json["groups"]) == [str(name)]


def test_a_number_that_is_missing_in_a_name_is_null(score, frame, write_table):
    rows = frame.head(3).assign(frame_index=[0.0, np.nan, 2.0])
    answer = score(write_table(rows), "--json").json
    assert [row["frame_index"] for row in answer["rows"]] == [0.0, None, 2.0]


def test_what_lies_beyond_the_target_s_range_is_counted_and_not_clipped(score, frame, write_table, monkeypatch):
    model = load(FR, REGISTRY)
    far = frame.head(30).assign(motion2=frame.motion2 + 200)  # of which the model has never seen the like
    predictions = model.predict(far)
    beyond = int(((predictions < 0) | (predictions > 100)).sum())
    assert (model.target_range, beyond > 0) == ((0.0, 100.0), True)
    table = write_table(far)
    answer = score(table, "--json").json
    assert (answer["target_range"], answer["beyond_range"]) == ([0.0, 100.0], beyond)
    assert [row["prediction"] for row in answer["rows"]] == predictions.tolist()
    assert (
        f"{beyond} of 30 lie outside the target's range, 0 to 100; nothing is clipped" in score(table).out.splitlines()
    )
    assert "outside" not in score(write_table(frame.head(3), "near.parquet")).out


def test_a_range_that_nobody_told_is_none(copy):
    said = json.loads((copy / f"{FR}.json").read_text())
    old = {key: said[key] for key in ("id", "kind", "onnx", "opset", "sha256", "input_names", "output_names", "notes")}
    (copy / f"{FR}.json").write_text(json.dumps(old | {key: said[key] for key in FEATURES}))
    assert load(FR, copy).target_range is None


FEATURES = ("feature_order", "feature_mean", "feature_std", "training")


def test_a_group_may_be_called_all(score, frame, write_table):
    lines = score(write_table(frame.head(30).assign(source="all")), "--by", "source").out.splitlines()
    assert [line.split()[:2] for line in lines[1:3]] == [["all", "30"]] * 2


def test_people_see_the_pool_and_the_lowest_rows_in_eighty_columns(score, frame, write_table):
    ran = score(write_table(frame))
    lines = ran.out.splitlines()
    assert lines[0].split() == ["rows", "mean", "harmonic", "mean", "p5", "min"]
    assert lines[1].split()[:2] == ["all", "1368"]
    assert "the lowest; --output writes all:" in lines
    lowest = np.sort(load(FR, REGISTRY).predict(frame))[:5]
    assert [line.split()[-1] for line in lines[-5:]] == [f"{value:.4f}" for value in lowest]
    assert max(map(len, lines)) <= 80
    few = score(write_table(frame.head(2))).out.splitlines()
    assert len(few) == 7
    assert few[2].startswith("vmaf of the input itself has mean ")


@pytest.mark.parametrize("ending", ["json", "xml", "csv", "sub"])
def test_a_log_of_libvmaf_is_scored_frame_by_frame_whatever_it_is_written_as(score, shared, ending):
    answer = score(shared / "data" / "vmaf_logs" / "formats" / f"sample.{ending}", "--json").json
    assert [row["frame"] for row in answer["rows"]] == list(range(6))
    expected = score(shared / "data" / "vmaf_logs" / "formats" / "sample.json", "--json").json
    assert answer == expected


def test_the_target_that_a_log_has_is_told_beside_the_predictions(score, shared):
    log = shared / "data" / "vmaf_logs" / "RedMaples_x264_540p_crf20.json"
    assert f"vmaf of the input itself has mean {open_log(log)['vmaf'].mean():.4f}" in score(log).out


def test_a_log_gives_what_the_table_that_was_made_of_it_gives(score, shared):
    log = shared / "data" / "vmaf_logs" / "RedMaples_x264_540p_crf20.json"
    table = pd.read_parquet(shared / "data" / "vmaf_features_a.parquet")
    rows = table[table.dis_basename.str.startswith(log.stem)]
    predictions = [row["prediction"] for row in score(log, "--json").json["rows"]]
    model, opened = load(FR, REGISTRY), open_log(str(log))
    assert model.predict(opened).tolist() == model.predict(pd.DataFrame(dict(opened))).tolist() == predictions
    assert np.abs(load(FR, REGISTRY).predict(rows) - predictions).max() < 1e-4


MISTAKES = {
    "no such table": (["{tmp}/none.parquet"], "none.parquet"),
    "neither parquet nor CSV": (["{tmp}/picture.png"], "is neither parquet nor CSV"),
    "other columns in parquet": (["{tmp}/other.parquet"], "motion2 (there are: mos, name)"),
    "a file of something else": (["{tmp}/tinyai.toml"], "tinyai.toml is neither a table nor a log of vmaf"),
    "a log that was cut off": (["{tmp}/cut.json"], "cut.json is no JSON in line"),
    "a column that is missing": (["{tmp}/poor.csv"], "fr_regressor_v1 needs the columns vif_scale0, vif_scale1"),
    "a column that is nearly there": (
        ["{tmp}/near.csv"],
        "needs the column motion2; did you mean 'motion_2'? (there are:",
    ),
    "two columns of a name": (["{tmp}/twice.csv"], "twice.csv has two columns called adm2; drop one"),
    "two in parquet": (["{tmp}/twice.parquet"], "twice.parquet has two columns called adm2; drop one"),
    "names that are no text": (["{tmp}/latin.csv"], "latin.csv is neither parquet nor CSV"),
    "numbers as text": (
        ["{tmp}/text.parquet"],
        "column adm2, which fr_regressor_v1 takes, is not numeric (it has text)",
    ),
    "no such column to pool by": (["{table}", "--by", "sauce"], "has no column 'sauce'; did you mean"),
    "an ending that says nothing": (["{table}", "-o", "{tmp}/out.txt"], "must end in .parquet, .csv, .json"),
    "a folder that is none": (["{table}", "-o", "{tmp}/no/out.csv"], "cannot write"),
}


@pytest.mark.parametrize(("words", "told"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line(score, frame, write_table, tmp_path, words, told):
    (tmp_path / "poor.csv").write_text("adm2,vmaf\n1,2\n")
    (tmp_path / "tinyai.toml").write_text("[registry]\npath = 'model'\n")
    pd.DataFrame({"mos": [1.0], "name": ["a"]}).to_parquet(tmp_path / "other.parquet")
    few = frame.head(3)
    few.rename(columns={"motion2": "motion_2"}).to_csv(tmp_path / "near.csv", index=False)
    few.assign(source="H\xe4user").to_csv(tmp_path / "latin.csv", index=False, encoding="latin-1")
    few.assign(adm2=few.adm2.astype(str)).to_parquet(tmp_path / "text.parquet")
    twice = pd.concat([few, few.adm2], axis=1)
    twice.to_csv(tmp_path / "twice.csv", index=False)
    arrays = [pa.array(twice.iloc[:, place]) for place in range(twice.shape[1])]
    pq.write_table(pa.table(arrays, twice.columns.to_list()), tmp_path / "twice.parquet")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    (tmp_path / "cut.json").write_text('{"version": "3", "frames": [')
    table = write_table(frame)
    first, *rest = (word.format(tmp=tmp_path, table=table) for word in words)
    ran = score(first, *rest)
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err
    assert ran.err.count("\n") == 1


def test_in_python_too_somebody_has_to_say_which_registry(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"which registry\? Give load\('fr_regressor_v1', registry=DIR\)"):
        load("fr_regressor_v1")


def test_a_model_that_takes_pictures_is_not_fed_a_table(tinyai, shared, frame, write_table):
    ran = tinyai("score", "learned_filter_v1", write_table(frame), "--registry", shared / "real-registry")
    assert ran.code == 2
    assert "learned_filter_v1 takes arrays (degraded)" in ran.err
