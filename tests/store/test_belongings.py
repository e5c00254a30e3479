"""Which files belong to a model: those that its graph reads weights from, wherever in the graph it says so."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from harness import ACCOUNT, contents, digest, foreign_registry, put

from tinyai_registry.documents import strict_json
from tinyai_registry.documents.index import INDEX
from tinyai_registry.store.rollback import rollback

BEGIN = '<ir_version: 8, opset_import: ["" : 17]>\n'
CONSTANT = "g (float[N, 2] x) => (float[N, 2] y) { c = Constant<value = float[2] {1.0, 2.0}>()  y = Add(x, c) }"
BRANCH = """g (bool yes, float[2] x) => (float[2] y) {
    y = If (yes) <
        then_branch = t () => (float[2] a) { c = Constant<value = float[2] {1.0, 2.0}>()  a = Identity(c) },
        else_branch = e () => (float[2] b) { b = Identity(x) }
    >
}"""
INITIALISER = "g (float[N, 2] x) => (float[N, 2] y) <float[2] w = {1.0, 2.0}> { y = Add(x, w) }"


def constants(graph: onnx.GraphProto) -> list[onnx.TensorProto]:
    inner = [attribute for node in graph.node for attribute in node.attribute]
    found = [*graph.initializer, *(each.t for each in inner if each.name == "value")]
    return found + [tensor for each in inner if each.HasField("g") for tensor in constants(each.g)]


def outside(text: str) -> onnx.ModelProto:
    """The graph of ``text``, its one constant moved to the file ``m.weights``."""
    model = onnx.parser.parse_model(BEGIN + text)
    [tensor] = constants(model.graph)
    for field in ("raw_data", "float_data"):
        tensor.ClearField(field)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": "m.weights", "length": "8"}.items():
        tensor.external_data.add(key=key, value=value)
    return model


@pytest.fixture
def root(tmp_path) -> Path:
    folder = tmp_path / "registry"
    foreign_registry(folder)
    return folder


@pytest.mark.parametrize("text", [INITIALISER, CONSTANT, BRANCH], ids=["initialiser", "constant", "in a branch"])
def test_a_rollback_brings_back_the_weights_that_the_graph_of_another_tool_reads(root, text):
    (root / "b.onnx").write_bytes(outside(text).SerializeToString())
    (root / "m.weights").write_bytes(b"\0" * 8)
    index = strict_json.read(root / INDEX)
    next(row for row in index["models"] if row["id"] == "b")["sha256"] = digest(root / "b.onnx")
    (root / INDEX).write_text(strict_json.dumps(index))
    before = contents(root)
    put(root, "b", "1")
    assert "m.weights" not in contents(root)
    rollback(root, "b", ACCOUNT)
    assert contents(root)["m.weights"] == before["m.weights"]
    assert contents(root)["b.onnx"] == before["b.onnx"]
