"""`tinyai validate --load`: models are run, and give the numbers that they were published with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import hostile
import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tinyai_registry.errors import RegistryBusyError
from tinyai_registry.evaluation.progress import Progress
from tinyai_registry.files import sha256_of
from tinyai_registry.workflows import load
from tinyai_registry.workflows.load import Asked, Share, try_models
from tinyai_registry.workflows.workers import executor
from tinyai_registry.workflows.workers.engine import Engine


@pytest.fixture
def released(duo, refresh, registry, frame, write_table):
    assert refresh(write_table(frame)).code == 0
    return registry


def run(root, engine=None):
    return load.load(root, "libvmaf", engine or Engine(), Progress())


def told(found):
    return [f"{each.rule.code} {each.model}" for each in found]


def repin(registry, name, data):
    """New bytes, and every digest of them made right, as somebody would who wants to go unnoticed."""
    old = json.loads((registry / "registry.json").read_text())["models"][0]["sha256"]
    (registry / name).write_bytes(data)
    new = sha256_of(data)
    for document in (registry / "registry.json", registry / "duo_v1.json"):
        document.write_text(document.read_text().replace(old, new))


def test_a_release_gives_its_numbers(tinyai, released):
    assert run(released) == []
    assert tinyai("validate", released, "--load", "--strict").code == 0


def test_weights_that_were_turned_round_are_found_by_their_numbers(tinyai, released):
    model = onnx.load(released / "duo_v1.onnx")
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32:
            tensor.CopyFrom(numpy_helper.from_array(values * np.float32(-3), tensor.name))
    repin(released, "duo_v1.onnx", model.SerializeToString())
    ran = tinyai("validate", released, "--load", "--select", "TAI9", "--json")
    assert ran.code == 1
    [found] = ran.json["findings"]
    assert (found["code"], found["file"], found["model"]) == ("TAI902", "duo_v1.json", "duo_v1")
    assert found["pointer"] == "/artifacts/0/test_vector"
    assert "published was" in found["message"]


def test_a_file_that_does_not_load_is_found_at_its_row_and_hides_no_other(tinyai, released):
    document = json.loads((released / "registry.json").read_text())
    broken = {"id": "broken_v1", "kind": "fr", "onnx": "broken_v1.onnx", "sha256": "0" * 64}
    (released / "broken_v1.onnx").write_bytes(b"no model")
    (released / "registry.json").write_text(json.dumps({**document, "models": [broken, *document["models"]]}, indent=2))
    found = tinyai("validate", released, "--load", "--select", "TAI9", "--json").json["findings"]
    assert [(each["code"], each["file"], each["model"]) for each in found] == [("TAI907", "registry.json", "broken_v1")]


def test_weights_outside_are_loaded_where_the_sidecar_pins_them(tinyai, shared, tmp_path):
    registry = tmp_path / "registry"
    shutil.copytree(shared / "real-registry", registry, copy_function=shutil.copyfile)
    assert "TAI907" in tinyai("validate", registry, "--load", "--select", "TAI9").out
    assert tinyai("migrate", "fr_regressor_v1", "--registry", registry).code == 0
    ran = tinyai("validate", registry, "--load", "--select", "TAI9", "--json")
    assert ran.code == 0
    assert {each["code"] for each in ran.json["findings"]} == {"TAI903"}


@pytest.fixture
def crowd(tmp_path, monkeypatch):
    """A registry of the example model under five ids, one of which is no model. Each is a share of its own."""
    root = tmp_path / "crowd"
    shutil.copytree(Path(__file__).parents[2] / "examples" / "registry", root, ignore=shutil.ignore_patterns(".*"))
    document = json.loads((root / "registry.json").read_text())
    [row] = document["models"]
    (root / "broken.onnx").write_bytes(b"no model")
    rows = [{**row, "id": name} for name in ("first", "hostile", "third", "last")]
    rows.insert(2, {"id": "broken", "kind": "fr", "onnx": "broken.onnx", "sha256": "0" * 64})
    (root / "registry.json").write_text(json.dumps({**document, "models": rows}, indent=2))
    monkeypatch.setattr(load, "SHARE", 1)
    return root


def test_whoever_does_the_work_finds_the_same(crowd, cluster, monkeypatch):
    engines = [Engine(jobs=1), Engine(jobs=3), Engine("dask", scheduler=cluster.scheduler_address)]
    found = [run(crowd, engine) for engine in engines]
    monkeypatch.setattr(load, "SHARE", 100)
    assert found == [run(crowd)] * 3
    assert told(found[0]) == ["TAI903 first", "TAI903 hostile", "TAI907 broken", "TAI903 third", "TAI903 last"]


@pytest.mark.parametrize("together", [1, 3])
def test_a_model_that_kills_its_workers_has_that_flaw_and_hides_no_other(crowd, monkeypatch, together):
    monkeypatch.setattr(load, "try_models", hostile.try_or_die)
    monkeypatch.setattr(load, "SHARE", together)
    found = run(crowd, Engine(jobs=2))
    assert told(found) == ["TAI903 first", "TAI905 hostile", "TAI907 broken", "TAI903 third", "TAI903 last"]
    assert found[1].message == "hostile: it killed each process that was to try it"
    assert found[1].pointer == "/models/1/onnx"


def test_a_few_models_take_no_process_of_ours(released, monkeypatch):
    monkeypatch.setattr(executor, "_open", None)
    assert run(released, Engine(jobs=2)) == []


def test_a_file_that_was_changed_meanwhile_is_not_tried(released):
    [row] = json.loads((released / "registry.json").read_text())["models"]
    seen = {"duo_v1.onnx": "0" * 64}
    with pytest.raises(RegistryBusyError, match=r"duo_v1\.onnx was changed while models were tried"):
        try_models(Share(str(released), "libvmaf", (Asked(0, row, seen, 0),)))


def test_options_for_workers_go_with_load(tinyai, released):
    ran = tinyai("validate", released, "--jobs", 2)
    assert (ran.code, ran.err) == (2, "tinyai: --engine and --jobs go with --load\n")
    assert tinyai("validate", released, "--load", "--jobs", 2, "--strict").code == 0
