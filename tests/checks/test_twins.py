"""An int8 twin is held against the graph that it was made from, and one that was made from it is not blamed."""

from __future__ import annotations

import json
from pathlib import Path
from time import monotonic

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tinyai_registry.files import sha256_of
from tinyai_registry.workflows.validate import validate

HEAD = '<ir_version: 8, opset_import: ["" : 17]> '
SQUARE = "g (float[N, 4] x) => (float[N, 4] y) { y = MatMul(x, w) }"
PER_COLUMN = (
    "g (float[N, 4] x) => (float[N, 4] y)"
    "{ w = DequantizeLinear <axis = 1> (w_quantized, w_scale, w_zero_point)  y = MatMul(x, w) }"
)
NORMALISED = "g (float[N, 4] x) => (float[N, 4] y) { h = MatMul(x, w)  y = BatchNormalization(h, a, b, b, a) }"
FOLDED = "g (float[N, 4] x) => (float[N, 4] y) { w = DequantizeLinear(f, s)  y = MatMul(x, w) }"
WEIGHT = np.outer([1.0, 0.5, -0.25, 0.75], [0.01, 0.1, 1.0, 10.0]).astype(np.float32)
SCALE = np.abs(WEIGHT).max(axis=0) / 127
GRID = np.round(WEIGHT / SCALE).astype(np.int8)
PARTS = {"w_quantized": GRID, "w_scale": SCALE, "w_zero_point": np.zeros(4, np.int8)}
ONES = {"a": np.full(4, 2, np.float32), "b": np.zeros(4, np.float32)}


def model(graph: str, **weights: np.ndarray) -> onnx.ModelProto:
    made = onnx.parser.parse_model(HEAD + graph)
    made.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in weights.items())
    return made


def found(root: Path, graph: onnx.ModelProto, twin: onnx.ModelProto, mode: str = "static") -> list[str]:
    (root / "m.onnx").write_bytes(graph.SerializeToString())
    (root / "m.int8.onnx").write_bytes(twin.SerializeToString())
    row = {"id": "m", "kind": "nr", "onnx": "m.onnx", "license": "MIT", "quant_mode": mode}
    row |= {"sha256": sha256_of(graph.SerializeToString()), "int8_sha256": sha256_of(twin.SerializeToString())}
    said = {"id": "m", "kind": "nr", "quant_mode": mode, "input_names": ["x"], "output_names": ["y"]}
    (root / "m.json").write_text(json.dumps(said))
    (root / "registry.json").write_text(json.dumps({"models": [row], "schema_version": 1}))
    # It is packaged by another tool, and names no features.
    return [each.rule.code for each in validate(root) if each.rule.code not in {"TAI014", "TAI515"}]


def test_a_square_weight_may_have_a_scale_for_each_column(tmp_path):
    assert found(tmp_path, model(SQUARE, w=WEIGHT), model(PER_COLUMN, **PARTS)) == []
    assert found(tmp_path, model(SQUARE, w=WEIGHT * -3), model(PER_COLUMN, **PARTS)) == ["TAI702"]


@pytest.mark.parametrize(("mode", "codes"), [("static", ["TAI702"]), ("qat", [])])
def test_a_twin_that_was_trained_further_has_weights_of_its_own(tmp_path, mode, codes):
    assert found(tmp_path, model(SQUARE, w=WEIGHT), model(SQUARE, w=WEIGHT + 1), mode) == codes


def test_a_normalisation_may_be_folded_into_the_weights(tmp_path):
    folded = {"f": np.round(WEIGHT * 12).astype(np.int8), "s": np.array(1 / 6, np.float32)}
    assert found(tmp_path, model(NORMALISED, w=WEIGHT, **ONES), model(FOLDED, **folded)) == []


def test_many_weights_of_one_shape_are_compared_in_no_time(tmp_path):
    graph, twin = model(SQUARE, w=WEIGHT), model(SQUARE, w=WEIGHT, s=np.array(0.1, np.float32))
    graph.graph.initializer.extend(helper.make_tensor(f"i{k}", TensorProto.FLOAT, [1], [k]) for k in range(9_000))
    for k in range(5_000):
        twin.graph.initializer.append(helper.make_tensor(f"q{k}", TensorProto.INT8, [1], [1]))
        twin.graph.node.append(helper.make_node("DequantizeLinear", [f"q{k}", "s"], [f"o{k}"]))
    start = monotonic()
    assert found(tmp_path, graph, twin) == []
    assert monotonic() - start < 20


@pytest.mark.parametrize(("steps", "codes"), [(0.0, []), (0.5, []), (0.99, []), (1.05, ["TAI702"]), (1.9, ["TAI702"])])
def test_a_weight_may_lie_one_step_of_the_grid_away_and_no_more(tmp_path, steps, codes):
    moved = (GRID * SCALE).astype(np.float32)
    moved[0, 0] += steps * SCALE[0]
    assert found(tmp_path, model(SQUARE, w=moved), model(PER_COLUMN, **PARTS)) == codes
