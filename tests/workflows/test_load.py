"""`tinyai validate --load`: models are run, and give the numbers that they were published with."""

from __future__ import annotations

import json
import shutil

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tinyai_registry.files import sha256_of
from tinyai_registry.workflows.load import load


@pytest.fixture
def released(duo, refresh, registry, frame, write_table):
    assert refresh(write_table(frame)).code == 0
    return registry


def repin(registry, name, data):
    """New bytes, and every digest of them made right, as somebody would who wants to go unnoticed."""
    old = json.loads((registry / "registry.json").read_text())["models"][0]["sha256"]
    (registry / name).write_bytes(data)
    new = sha256_of(data)
    for document in (registry / "registry.json", registry / "duo_v1.json"):
        document.write_text(document.read_text().replace(old, new))


def test_a_release_gives_its_numbers(tinyai, released):
    assert load(released) == []
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
