"""How many parts a protobuf file has, told before it is parsed."""

from __future__ import annotations

import onnx
import pytest

from tinyai_registry.onnxfile.graph import GraphError, GraphProblem, parse
from tinyai_registry.onnxfile.wire import has_more_fields

DESCRIPTOR = onnx.ModelProto.DESCRIPTOR


def model(nodes: int) -> bytes:
    """One graph of ``nodes`` empty nodes: a field for the graph, and one for each node."""
    made = onnx.ModelProto()
    made.graph.node.extend([onnx.NodeProto()] * nodes)
    return made.SerializeToString()


@pytest.mark.parametrize("nodes", [10, 100, 1000])
def test_fields_are_counted_at_every_depth(nodes):
    fields = nodes + 1
    assert not has_more_fields(model(nodes), DESCRIPTOR, fields)
    assert has_more_fields(model(nodes), DESCRIPTOR, fields - 1)


def test_half_of_the_fields_is_not_enough_of_a_bound():
    assert has_more_fields(model(100), DESCRIPTOR, 60)


def test_bytes_of_a_tensor_are_no_fields():
    made = onnx.ModelProto()
    made.graph.initializer.add(raw_data=b"\x08\x01" * 10_000)
    assert not has_more_fields(made.SerializeToString(), DESCRIPTOR, 3)


def test_what_ends_in_the_middle_is_left_to_the_parser():
    assert not has_more_fields(model(100)[:-1] + b"\x80", DESCRIPTOR, 1000)


def test_a_million_empty_nodes_are_refused_before_they_are_parsed(monkeypatch):
    def fail(data):
        raise AssertionError("it was parsed")

    bomb = model(1_000_000)
    monkeypatch.setattr(onnx, "load_model_from_string", fail)
    with pytest.raises(GraphError) as caught:
        parse(bomb)
    assert caught.value.problem is GraphProblem.TOO_MANY_PARTS
