"""Whether a graph standardises its features itself is read from the graph."""

from __future__ import annotations

import onnx
import pytest

from tinyai_registry.onnxfile.scaler import scaler_in_graph

HEAD = '<ir_version: 8, opset_import: ["" : 17]>'
TWO = "g (float[N, 2] x) => (float[N, 2] y) <float[2] m = {1.0, 2.0}, float[2] s = {3.0, 4.0}, float q = {2.0}>"
ONE = "g (float[N, 1] x) => (float[N, 1] y) <float[1] m = {1.0}, float[1] s = {3.0}, float[1, 1] w = {2.0}>"
JOINED = (
    "g (float[N, 1] a, float[N, 2] b) => (float[N, 3] y) <float[3] m = {1.0, 2.0, 3.0}, float[3] s = {3.0, 4.0, 5.0}>"
)
IMAGE = "g (float[N, 3, H, W] x) => (float[N, 3, H, W] y) <float[3, 1, 1] m = {1.0, 2.0, 3.0}>"

SCALED = {
    "sub and div": (TWO, "c = Sub(x, m) y = Div(c, s)"),
    "constants in nodes": (TWO, "n = Constant<value_floats = [1.0, 2.0]>() c = Sub(x, n) y = Div(c, s)"),
    "after what only carries": (TWO, "i = Identity(x) j = Cast<to = 1>(i) c = Sub(j, m) y = Div(c, s)"),
    "joined inputs": (JOINED, "j = Concat<axis = 1>(a, b) c = Sub(j, m) y = Div(c, s)"),
    "within bounds first": (TWO, "b = Clip(x) c = Sub(b, m) y = Div(c, s)"),
    "in another order first": (
        TWO,
        "i = Constant<value_ints = [1, 0]>() b = Gather<axis = 1>(x, i) c = Sub(b, m) y = Div(c, s)",
    ),
    "by constants at one remove": (TWO, "n = Identity(m) r = Reciprocal(s) c = Sub(x, n) y = Mul(c, r)"),
    "one feature": (ONE, "c = Sub(x, m) y = Div(c, s)"),
}
UNSCALED = {
    "nothing": (TWO, "y = Identity(x)"),
    "a squash": (TWO, "r = Div(x, q) l = Tanh(r) y = Mul(l, q)"),
    "a layer": (ONE, "h = MatMul(x, w) c = Sub(h, m) y = Div(c, s)"),
    "later in the graph": (TWO, "h = Relu(x) c = Sub(h, m) y = Div(c, s)"),
    "a scalar taken off one feature": (ONE, "c = Sub(x, m) y = Tanh(c)"),
    "an image": (IMAGE, "y = Sub(x, m)"),
    "two inputs": ("g (float[N, 2] a, float[N, 2] b) => (float[N, 2] y)", "y = Sub(a, b)"),
}


def model(graph: tuple[str, str]) -> onnx.ModelProto:
    return onnx.parser.parse_model(f"{HEAD} {graph[0]} {{ {graph[1]} }}")


@pytest.mark.parametrize("graph", SCALED.values(), ids=SCALED)
def test_a_scaler_is_seen(graph):
    assert scaler_in_graph(model(graph)) is True


@pytest.mark.parametrize("graph", UNSCALED.values(), ids=UNSCALED)
def test_what_is_none_is_not_taken_for_one(graph):
    assert scaler_in_graph(model(graph)) is False


def test_of_a_real_registry_two_models_have_one_and_their_twins_with_them(shared):
    graphs = (shared / "real-registry").glob("*.onnx")
    found = {path.name for path in graphs if scaler_in_graph(onnx.load(path, load_external_data=False))}
    assert found == {"vmaf_tiny_v2.onnx", "vmaf_tiny_v4.onnx", "vmaf_tiny_v4.int8.onnx"}
