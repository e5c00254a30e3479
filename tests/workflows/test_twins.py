"""An int8 twin is part of its model's release: made with it, judged by a budget of its own, never older than it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from tinyai_registry import load
from tinyai_registry.files import sha256_of
from tinyai_registry.onnxfile.runtime import load_runtime

SOURCE = (Path(__file__).parents[1] / "plugins" / "slim.py").read_text(encoding="utf-8")
KEYS = ("int8_sha256", "quant_accuracy_budget_plcc", "quant_mode", "quant_plcc_loss")
OWN_TWIN = """
@hookimpl
def tinyai_export(recipe, models, calibration):
    from tinyai_registry.lab.export import export_mlps
    import onnx

    graphs = export_mlps(recipe, models)
    assert [batch["features"].shape for batch in calibration] == [(256, 4)]
    twin = onnx.ModelProto()
    twin.CopyFrom(graphs["slim_v1"])
    return {**graphs, "slim_v1.int8": twin}
"""


@pytest.fixture
def slim(install):
    """Installs the plugin, with parts of its source replaced: ``slim({"budget=0.01": "budget=1e-9"})``."""

    def make(changes: dict[str, str] | None = None, more: str = "") -> None:
        source = SOURCE
        for old, new in (changes or {}).items():
            assert old in source
            source = source.replace(old, new)
        install("slim", source + more)

    return make


@pytest.fixture
def refresh(tinyai, registry):
    def run(table: Path, *words):
        return tinyai("refresh", "slim_v1", "--table", table, "--registry", registry, "--json", *words)

    return run


@pytest.fixture
def table(frame, write_table) -> Path:
    return write_table(frame)


def sidecar(registry: Path) -> dict:
    return json.loads((registry / "slim_v1.json").read_text(encoding="ascii"))


def row(registry: Path) -> dict:
    [found] = json.loads((registry / "registry.json").read_text(encoding="ascii"))["models"]
    return found


def twin_of(report: dict) -> dict:
    return next(artifact for artifact in report["artifacts"] if artifact["path"] == "slim_v1.int8.onnx")


def test_a_release_has_a_twin_that_row_sidecar_and_card_speak_of(slim, tinyai, registry, refresh, table):
    slim()
    ran = refresh(table)
    assert ran.code == 0, ran.err
    said, artifact = sidecar(registry), twin_of(ran.json)
    data = (registry / "slim_v1.int8.onnx").read_bytes()
    assert {key: said[key] for key in KEYS} == {key: row(registry)[key] for key in KEYS}
    assert said["int8_sha256"] == artifact["sha256"] == sha256_of(data)
    assert (said["quant_mode"], said["quant_accuracy_budget_plcc"]) == ("static", 0.01)
    measured = artifact["measured"]
    assert said["quant_plcc_loss"] == measured["int8_plcc_loss"] > 0
    assert artifact["parity_max_abs"] == pytest.approx(100 * measured["int8_worst_difference"])
    assert measured["calibration_rows"] + measured["judged_rows"] == said["table"]["rows"] == 1368
    assert [verdict["criterion"] for verdict in ran.json["gate"][-3:]] == [
        "max INT8_PLCC_LOSS over artifacts <= 0.01",
        "max INT8_MEAN_DIFFERENCE over artifacts <= 0.005",
        "max INT8_WORST_DIFFERENCE over artifacts <= 0.02",
    ]
    assert [caveat["code"] for caveat in ran.json["caveats"]].count("large-twin") == 1
    assert f"1 - PLCC of the two is {measured['int8_plcc_loss']:.6f}" in (registry / "slim_v1.md").read_text()
    checked = tinyai("validate", registry, "--load", "--json")
    assert checked.code == 0
    assert {found["code"] for found in checked.json["findings"]} == {"TAI515"}
    assert refresh(table).json["status"] == "up-to-date"


def test_the_twin_loads_runs_on_the_profiles_operators_and_gives_its_own_numbers(slim, registry, refresh, table):
    slim()
    artifact = twin_of(refresh(table).json)
    path = registry / artifact["path"]
    graph = onnx.load(path)
    used = {node.op_type for node in graph.graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= used <= load_runtime("libvmaf").operators
    assert [(each.domain, each.version) for each in graph.opset_import] == [("", 17)]
    assert not graph.metadata_props
    vector = artifact["test_vector"]
    assert vector["tolerance"] == pytest.approx(2.0)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    [got] = session.run(["score"], {each["tensor"]: np.float32(each["values"]) for each in vector["inputs"]})
    assert np.abs(got - vector["outputs"][0]["values"]).max() <= vector["tolerance"]


def test_a_twin_over_its_budget_is_a_refusal_that_changes_nothing(slim, tinyai, registry, refresh, table, digests):
    slim({"budget=0.01": "budget=1e-9"})
    before = digests(registry)
    ran = refresh(table)
    assert ran.code == 3, ran.err
    assert ran.json["status"] == "refused"
    assert [verdict["criterion"] for verdict in ran.json["gate"] if not verdict["passed"]] == [
        "max INT8_PLCC_LOSS over artifacts <= 1e-09"
    ]
    assert digests(registry) == before
    [entry] = tinyai("log", "slim_v1", "--registry", registry, "--json").json["entries"]
    assert [verdict["passed"] for verdict in entry["account"]["gate"][-3:]] == [False, True, True]


def test_a_fresh_graph_has_a_fresh_twin(slim, tinyai, registry, refresh, table, frame, write_table):
    slim()
    first = refresh(table).json
    other = frame[frame.source != "RedMaples"].reset_index(drop=True)
    second = refresh(write_table(other, "other.parquet")).json
    assert second["status"] == "published"
    assert twin_of(first)["sha256"] != twin_of(second)["sha256"] == row(registry)["int8_sha256"]
    assert tinyai("validate", registry).code == 0
    tinyai("rollback", "slim_v1", "--registry", registry)
    assert sha256_of((registry / "slim_v1.int8.onnx").read_bytes()) == twin_of(first)["sha256"]


@pytest.mark.parametrize(("runtime", "code"), [("libvmaf", 2), ("vmafx", 0)])
def test_a_dynamic_twin_takes_a_runtime_that_runs_it(slim, refresh, registry, table, monkeypatch, runtime, code):
    slim({"Int8(calibrate=256, ": 'Int8("dynamic", '})
    (registry.parent / "tinyai.toml").write_text(f'[registry]\npath = "registry"\nruntime = "{runtime}"\n')
    monkeypatch.chdir(registry.parent)
    ran = refresh(table)
    assert ran.code == code, ran.err
    if code:
        assert "the runtime libvmaf does not run its DynamicQuantizeLinear, MatMulInteger" in ran.err
    else:
        assert row(registry)["quant_mode"] == "dynamic"
        assert twin_of(ran.json)["measured"]["calibration_rows"] == 0


def test_a_plugin_may_bring_a_twin_of_its_own_made_with_the_calibration_rows(slim, registry, refresh, table):
    slim(more=OWN_TWIN)
    ran = refresh(table)
    assert ran.code == 0, ran.err
    assert twin_of(ran.json)["measured"]["int8_worst_difference"] == 0
    assert sidecar(registry)["quant_plcc_loss"] == 0


def test_a_plugins_twin_without_a_budget_is_refused(slim, refresh, table):
    changes = {"    twins=(Int8(calibrate=256, budget=0.01),),\n": ""}
    slim(changes, OWN_TWIN.replace("[(256, 4)]", "[]"))
    ran = refresh(table)
    assert ran.code == 2
    assert "the int8 twin slim_v1.int8, and the recipe declares none" in ran.err


AGAIN = """
import sys
import numpy as np
from tinyai_registry.files import sha256_of
from tinyai_registry.lab.quantisation import quantise
from tinyai_registry.recipe import Int8
rows = np.random.default_rng(0).normal(size=(256, 4)).astype(np.float32)
feeds = [{"features": rows[:200]}, {"features": rows[200:]}]
proto = quantise(open(sys.argv[1], "rb").read(), Int8(in_float=("last",)), feeds)
print(sha256_of(proto.SerializeToString(deterministic=True)))
"""


def test_the_same_graph_and_rows_give_the_same_bytes_in_any_process(slim, tmp_path, registry, refresh, table):
    slim()
    refresh(table)
    seen = set()
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        command = [sys.executable, "-c", AGAIN, str(registry / "slim_v1.onnx")]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
        assert ran.stderr == ""
        seen |= set(ran.stdout.split())
        assert not list(folder.iterdir())
    assert len(seen) == 1


def test_the_twin_is_loaded_where_it_is_asked_for(slim, refresh, table, registry, frame):
    slim()
    assert refresh(table).json["status"] == "published"
    graph, twin = load("slim_v1", registry), load("slim_v1", registry, twin=True)
    assert twin.sha256 == json.loads((registry / "slim_v1.json").read_text())["int8_sha256"]
    difference = graph.predict(frame) - twin.predict(frame)
    assert 0 < abs(difference).max() < 10
