"""Bounds of the checks, at the last value that passes and the first that does not."""

from __future__ import annotations

from dataclasses import replace

import onnx
import pytest
from onnx import TensorProto, helper

from tinyai_registry.checks import graph, operators, sizes, weights
from tinyai_registry.files import Folder, sha256_of
from tinyai_registry.onnxfile.inspector import Inspector
from tinyai_registry.onnxfile.protobuf import messages
from tinyai_registry.onnxfile.runtime import load_runtime
from tinyai_registry.onnxfile.weights import External

RUNTIME = load_runtime()
BEGIN = '<ir_version: 8, opset_import: ["" : 17]> '


def named(operator: str) -> onnx.ModelProto:
    model = onnx.parser.parse_model(BEGIN + "g (float[N, 2] x) => (float[N, 2] y) { y = Relu(x) }")
    model.graph.node[0].op_type = operator
    return model


def test_a_name_of_127_bytes_is_read_and_one_of_128_is_not():
    longest = "R" * RUNTIME.max_operator_name_bytes
    knows = replace(RUNTIME, operators=RUNTIME.operators | {longest, longest + "R"})
    assert RUNTIME.max_operator_name_bytes == 127
    assert list(operators.of_graph(named(longest), knows)) == []
    [flaw] = operators.of_graph(named(longest + "R"), knows)
    assert flaw.rule is operators.OPERATOR_NAME


@pytest.mark.parametrize(("offset", "more"), [(0, set()), (4, set()), (5, {weights.MISFIT})])
def test_a_tensor_may_end_where_its_file_ends_and_not_a_byte_later(tmp_path, offset, more):
    data = b"\0" * 12
    (tmp_path / "w").write_bytes(data)
    found = weights.flaws([External("w", "w", offset, 8, 8)], "g.onnx", Folder(tmp_path), {"w": sha256_of(data)}, 100)
    assert {flaw.rule for flaw in found} == {weights.PINNED} | more


@pytest.mark.parametrize(("more", "rules"), [(0, []), (1, [graph.NOT_ONNX])])
def test_a_file_of_the_largest_size_is_read(more, rules):
    data = named("Relu").SerializeToString()
    fits = replace(RUNTIME, max_file_bytes=len(data) - more)
    with Inspector() as inspector:
        assert [flaw.rule for flaw in graph.flaws(data, fits, inspector)] == rules


@pytest.mark.parametrize(("depth", "rules"), [(8, set()), (9, {operators.DEPTH})])
def test_subgraphs_may_be_as_deep_as_the_runtime_goes(depth, rules):
    body = helper.make_graph([helper.make_node("Relu", ["x"], ["o0"])], "g0", [], [])
    for level in range(1, depth + 1):
        node = helper.make_node("If", ["c"], [f"o{level}"], then_branch=body, else_branch=body)
        body = helper.make_graph([node], f"g{level}", [], [])
    model = helper.make_model(body)
    assert {flaw.rule for flaw in operators.of_graph(model, RUNTIME)} == rules


@pytest.mark.parametrize(("trips", "rules"), [(10_000, []), (10_001, [operators.UNBOUNDED])])
def test_a_loop_may_go_over_every_row_of_the_largest_frame(trips, rules):
    body = helper.make_graph([], "b", [], [])
    node = helper.make_node("Loop", ["trips", "", "x"], ["y"], body=body)
    bound = helper.make_tensor("trips", TensorProto.INT64, [], [trips])
    model = helper.make_model(helper.make_graph([node], "g", [], [], [bound]))
    assert [flaw.rule for flaw in operators.of_graph(model, RUNTIME)] == rules


@pytest.mark.parametrize(("size", "rules"), [(2**30, []), (2**30 + 1, [sizes.GIANT])])
def test_a_tensor_may_be_as_large_as_the_largest_frame_of_32_channels(size, rules):
    model = named("Relu")
    model.graph.initializer.add(name="w", data_type=TensorProto.FLOAT, dims=[size])
    assert [flaw.rule for flaw in sizes.of_parts(list(messages(model)))] == rules
