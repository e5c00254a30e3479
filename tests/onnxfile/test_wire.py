"""How much memory a protobuf file would take, told before it is parsed."""

from __future__ import annotations

import onnx
import pytest
import victim
from onnx import TensorProto, helper

from tinyai_registry.onnxfile.graph import MAX_MEMORY, GraphError, GraphProblem, parse
from tinyai_registry.onnxfile.wire import takes_more_memory

DESCRIPTOR = onnx.ModelProto.DESCRIPTOR
MESSAGE, TEXT, NUMBER, PACKED = 1024, 96, 40, 8


def model(nodes: int = 0, **attribute) -> bytes:
    """One graph of empty nodes, or of one node with an attribute."""
    made = onnx.ModelProto()
    made.graph.node.extend([onnx.NodeProto()] * nodes)
    if attribute:
        made.graph.node.add().attribute.add(**attribute)
    return made.SerializeToString()


def tensor(**fields) -> bytes:
    made = onnx.ModelProto()
    made.graph.initializer.add(**fields)
    return made.SerializeToString()


MEMORY = {
    "empty nodes": (model(1000), 1001 * MESSAGE),
    "numbers of an attribute": (model(ints=[1] * 1000), 3 * MESSAGE + 1000 * NUMBER),
    "long numbers of an attribute": (model(ints=[-1] * 1000), 3 * MESSAGE + 1000 * NUMBER),
    "floats of an attribute": (model(floats=[1.0] * 1000), 3 * MESSAGE + 1000 * NUMBER),
    "words of an attribute": (model(strings=[b"x"] * 1000), 3 * MESSAGE + 1000 * TEXT),
    "dimensions of a tensor": (tensor(dims=[1] * 1000), 2 * MESSAGE + 1000 * NUMBER),
    "integers of a tensor": (tensor(int64_data=[300] * 1000), 2 * MESSAGE + 1000 * PACKED),
    "negative integers of a tensor": (tensor(int32_data=[-1] * 1000), 2 * MESSAGE + 1000 * PACKED),
    "floats of a tensor": (tensor(float_data=[0.0] * 1000), 2 * MESSAGE + TEXT),
    "bytes of a tensor": (tensor(raw_data=b"\x08\x01" * 1000), 2 * MESSAGE + TEXT),
}


@pytest.mark.parametrize(("data", "memory"), MEMORY.values(), ids=MEMORY)
def test_what_is_in_a_file_is_counted_at_every_depth(data, memory):
    assert not takes_more_memory(data, DESCRIPTOR, memory)
    assert takes_more_memory(data, DESCRIPTOR, memory - 1)


def test_a_file_that_cannot_take_as_much_is_not_looked_at():
    assert not takes_more_memory(b"\x3a\x02" * 10, DESCRIPTOR, 20 * MESSAGE)


@pytest.mark.parametrize("end", [b"\x80", b"\xff" * 1_000_000], ids=["in the middle", "never"])
def test_a_number_that_does_not_end_is_left_to_the_parser(end):
    assert not takes_more_memory(model(100)[:-1] + end, DESCRIPTOR, 200 * MESSAGE)


START, END = b"\xa3\x06", b"\xa4\x06"  # of a group, the field 100
GROUP = START + victim.field(7, b"\xff" * 20) + END

BOMBS = {
    "a million empty nodes": model(1_000_000),
    # A parser passes by a group that it does not know, and what is in it need not be a message.
    "behind a group of no message": GROUP + model(1_000_000),
    "packed dimensions": victim.field(7, victim.field(5, victim.field(1, b"\1" * 40_000_000))),
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_before_it_is_parsed(monkeypatch, bomb):
    def fail(data):
        raise AssertionError("it was parsed")

    monkeypatch.setattr(onnx, "load_model_from_string", fail)
    with pytest.raises(GraphError) as caught:
        parse(bomb)
    assert caught.value.problem is GraphProblem.TOO_LARGE


def test_a_parser_passes_by_a_group_that_it_does_not_know():
    assert len(onnx.load_model_from_string(GROUP + model(3)).graph.node) == 3


def test_a_tensor_of_more_dimensions_than_there_are_is_refused():
    with pytest.raises(GraphError, match="a tensor has 65 dimensions") as caught:
        parse(tensor(dims=[1] * 65))
    assert caught.value.problem is GraphProblem.TOO_LARGE


def test_a_forest_of_a_hundred_thousand_numbers_is_a_model():
    """Boosted trees are one node with a few long attributes."""
    count = 25_000
    node = helper.make_node(
        "TreeEnsembleRegressor",
        ["x"],
        ["y"],
        domain="ai.onnx.ml",
        nodes_values=[0.5] * count,
        nodes_featureids=[1] * count,
        nodes_modes=["BRANCH_LEQ"] * count,
        nodes_truenodeids=list(range(count)),
    )
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [node], "g", [value("x", TensorProto.FLOAT, ["N", 3])], [value("y", TensorProto.FLOAT, ["N", 1])]
    )
    forest = helper.make_model(graph, opset_imports=[helper.make_opsetid("ai.onnx.ml", 3)])
    data = forest.SerializeToString()
    assert len(data) < MAX_MEMORY // 100
    assert parse(data) == forest
