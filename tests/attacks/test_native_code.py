"""Graphs that are made to crash, to fill or to stop whoever checks them: each is found, and hides no other."""

from __future__ import annotations

import os
from pathlib import Path

import onnx
import pytest
import victim
from onnx import TensorProto, helper, parser

from tinyai_registry.workflows.validate import validate

MODELS = ("fr_regressor_v1", "pair_v1", "pair_v1_s0", "pair_v1_s1", "tiny_v1")
HEAD = '<ir_version: 8, opset_import: ["" : 18]> g (float[N, 6] features) => (float[N, 6] score) '


@pytest.fixture
def registry(tmp_path):
    return victim.build(tmp_path / "registry")


def put(registry, model, data):
    (registry / f"{model}.onnx").write_bytes(data)
    victim.pin(registry)


def found(registry, model):
    return {each.rule.code: each.message for each in validate(registry) if each.model == model}


def text(nodes, head=HEAD):
    return parser.parse_model(head + nodes).SerializeToString()


def test_graphs_that_crash_the_checker_hide_no_other(tinyai, registry):
    """One process for all of them is started again after each."""
    put(registry, "fr_regressor_v1", text("{ a, b, c, score = Split <axis = 1, num_outputs = 3> (features) }"))
    put(registry, "pair_v1", text("<int64[1, 1] i = {0}> { score = GatherND <batch_dims = -5> (features, i) }"))
    put(registry, "pair_v1_s0", text("{ score = Split <axis = 1, num_outputs = 2147483648> (features) }"))
    put(registry, "pair_v1_s1", text("{ score = Floor(features) }"))
    ran = tinyai("validate", registry, "--json", "--select", "TAI4")
    assert ran.code == 1
    codes = {(each["model"], each["code"]) for each in ran.json["findings"] if each["code"] in {"TAI404", "TAI415"}}
    crashed = {(model, "TAI415") for model in MODELS[:3]}
    assert codes == crashed | {(model, "TAI404") for model in ("fr_regressor_v1", "pair_v1_s0", "pair_v1_s1")}


def test_a_graph_that_is_never_checked_to_the_end(registry, monkeypatch):
    """Of an equation that is a bracket, on numbers without a shape, the checker looks for the end for ever."""
    monkeypatch.setattr("tinyai_registry.onnxfile.inspector.SECONDS", 1.0)
    head = '<ir_version: 8, opset_import: ["" : 18]> g (float features) => (float score) '
    put(registry, "fr_regressor_v1", text('<float s = {1}> { score = Einsum <equation = "("> (features, s) }', head))
    assert "was stopped after 1 s" in found(registry, "fr_regressor_v1")["TAI415"]


def test_forty_megabytes_of_dimensions_are_not_counted_one_by_one(registry):
    dims = b"\1" * 40_000_000
    put(registry, "fr_regressor_v1", victim.field(7, victim.field(5, victim.field(1, dims))))
    assert "would take more than 128 MiB of memory" in found(registry, "fr_regressor_v1")["TAI413"]


def test_a_million_dimensions_are_no_shape(registry):
    made = onnx.load(victim.EXAMPLE / "fr_regressor_v1.onnx")
    made.graph.initializer[0].dims.extend([1] * 1_000_000)
    put(registry, "fr_regressor_v1", made.SerializeToString())
    assert "dimensions" in found(registry, "fr_regressor_v1")["TAI413"]


@pytest.mark.parametrize("operator", ["Pad", "Loop", "Expand", "Resize", "ConstantOfShape", "Dropout"])
@pytest.mark.parametrize("kind", [-1, 0, 9, 16, 24, 99])
def test_a_constant_of_a_type_that_does_not_fit_is_no_traceback(registry, operator, kind):
    odd = helper.make_tensor("odd", TensorProto.INT64, [2], [1, 2])
    odd.data_type = kind
    node = helper.make_node(
        operator, ["odd"] * {"ConstantOfShape": 1, "Expand": 2, "Pad": 2}.get(operator, 3), ["score"]
    )
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [node],
        "g",
        [value("features", TensorProto.FLOAT, ["N", 6])],
        [value("score", TensorProto.FLOAT, ["N", 6])],
        [odd],
    )
    put(registry, "fr_regressor_v1", helper.make_model(graph, ir_version=8).SerializeToString())
    assert found(registry, "fr_regressor_v1").keys() & {"TAI402", "TAI415"}


def test_folders_nested_more_deeply_than_pythons_stack(registry, monkeypatch):
    monkeypatch.chdir(registry)
    for _ in range(1200):
        Path("d").mkdir()
        os.chdir("d")
    Path("x.onnx").touch()
    try:
        [deep] = [each for each in validate(registry) if each.rule.code == "TAI207"]
    finally:  # shutil.rmtree, which tidies up after tests, is recursive
        Path("x.onnx").unlink()
        for _ in range(1200):
            os.chdir("..")
            Path("d").rmdir()
    assert deep.file == "d/" * 1200 + "x.onnx"
