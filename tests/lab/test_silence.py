"""What onnxruntime has to say about a graph is no word of ours: nothing of it reaches standard error."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

# Each makes onnxruntime write a warning or an error of its own, at loading or at running.
GRAPHS = {
    "a shape that is not the declared one": "(float[N,3] x) => (float[5,7] y) { y = Relu(x) }",
    "an initialiser that nobody uses": "(float[N,3] x) => (float[N,3] y) <float[1] unused = {1}> { y = Relu(x) }",
    "an index out of range": "(float[N,3] x) => (float[N,1] y) <int64[1] i = {9}> { y = Gather<axis = 1>(x, i) }",
}
RUN = """
import sys, numpy as np, onnx, onnxruntime
from tinyai_registry.lab.inference import open_session
graph, ours = sys.argv[1:]
data = onnx.parser.parse_model('<ir_version: 8, opset_import: ["" : 17]> g ' + graph).SerializeToString()
try:
    if ours == "ours":
        session = open_session(data)
    else:
        session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    session.run(None, {"x": np.zeros((2, 3), np.float32)})
except Exception:
    pass
"""


def said(graph: str, whose: str) -> str:
    ran = subprocess.run([sys.executable, "-P", "-c", RUN, graph, whose], capture_output=True, text=True, check=True)
    return ran.stderr


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_a_session_of_ours_is_silent(graph):
    assert said(graph, "ours") == ""


def test_any_other_session_is_not():
    assert all("onnxruntime" in said(graph, "any") for graph in GRAPHS.values())


def test_a_session_of_ours_keeps_nothing_of_its_user_to_report(tmp_path):
    """Official builds give a machine an identity, and keep events, unless they are told not to."""
    places = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME"), str(tmp_path))
    inherited = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    words = [sys.executable, "-P", "-c", f"import tinyai_registry{RUN}", next(iter(GRAPHS.values())), "ours"]
    subprocess.run(words, env={**inherited, **places}, check=True)
    assert list(tmp_path.rglob("*")) == []
