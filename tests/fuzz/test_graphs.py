"""Whatever operators a graph has, the check of graphs ends, and says what is wrong in lines."""

from __future__ import annotations

import re

import pytest
from graphs import random_graph
from hypothesis import settings

from tinyai_registry.checks import graph
from tinyai_registry.onnxfile import inspector as inspecting
from tinyai_registry.onnxfile.child import ChildError
from tinyai_registry.onnxfile.inspector import Inspector
from tinyai_registry.onnxfile.runtime import load_runtime

# 2 000 in every run of the tests, 180 000 in `make fuzz`.
GRAPHS = 20 * settings.default.max_examples
RUNTIME = load_runtime()


@pytest.fixture(scope="module")
def inspector():
    """With little patience: of some graphs shape inference never ends, and one second shows that as well as ten."""
    with pytest.MonkeyPatch.context() as patched, Inspector() as started:
        patched.setattr(inspecting, "SECONDS", 1.0)
        yield started


@pytest.mark.parametrize("part", range(10))
def test_a_random_graph_is_checked_to_the_end(inspector, part):
    for seed in range(part, GRAPHS, 10):
        for flaw in graph.flaws(random_graph(seed), RUNTIME, inspector):
            assert re.fullmatch(r"TAI\d{3}", flaw.rule.code), seed
            assert flaw.message, seed


def test_the_graphs_reach_what_they_are_made_for(inspector):
    """Some pass the checker, some do not, and one kills it: else there would be nothing to survive."""
    ends = set()
    for seed in (*range(100), 216):  # an Einsum
        try:
            ends.add(inspector.inspect(random_graph(seed)).refusal is None)
        except ChildError:
            ends.add(None)
    assert ends == {True, False, None}
