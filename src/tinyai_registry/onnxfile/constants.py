"""What a graph says of the values of its tensors before it is run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from google.protobuf.message import Message

from tinyai_registry.onnxfile.onnx_messages import AttributeProto, GraphProto, NodeProto, TensorProto, is_outside
from tinyai_registry.onnxfile.protobuf import elements

_FIRST = 64
_MOST = 2**20  # a shape, a count or a flag has few values


class Constants:
    """The constants of a graph and its subgraphs, by name.

    Two subgraphs may each have a tensor of one name, so a name may stand for several constants, and for what is
    computed or fed as well.
    """

    def __init__(self, parts: Sequence[Message]) -> None:
        self._tensors: defaultdict[str, list[TensorProto]] = defaultdict(list)
        self._others: set[str] = set()
        for each in parts:
            if isinstance(each, TensorProto):
                self._tensors[each.name].append(each)
            elif isinstance(each, GraphProto):
                self._others.update(value.name for value in each.input)
            elif isinstance(each, NodeProto):
                self._add(each)

    def _add(self, node: NodeProto) -> None:
        values = [found for each in node.attribute if (found := _value(each)) is not None]
        if node.op_type == "Constant" and len(values) == len(node.output) == 1:
            self._tensors[node.output[0]] += values
        else:
            self._others.update(node.output)

    def is_constant(self, name: str) -> bool:
        """Whether everything that is called ``name`` is a constant: a default that callers may replace is none."""
        return name in self._tensors and name not in self._others

    def integers(self, name: str) -> list[list[int]]:
        """The first values of each constant called ``name``; none of one that cannot be read."""
        return [_integers(tensor) for tensor in self._tensors.get(name, ())]


def _value(attribute: AttributeProto) -> TensorProto | None:
    """What an attribute makes a Constant node give, as far as it has to do with sizes and flags."""
    if attribute.name == "value":
        return attribute.t
    numbers = {"value_int": [attribute.i], "value_ints": attribute.ints[:_FIRST]}.get(attribute.name)
    if numbers is None:
        return None
    return TensorProto(data_type=TensorProto.INT64, dims=[len(numbers)], int64_data=numbers)


def _integers(tensor: TensorProto) -> list[int]:
    if is_outside(tensor) or elements(tensor.dims) > _MOST:
        return []
    from tinyai_registry.onnxfile.arrays import to_array

    try:
        values = to_array(tensor).ravel()[:_FIRST]
        return [] if values.dtype.kind == "c" else [int(value) for value in values]
    except Exception:  # noqa: BLE001  # numpy_helper raises what it likes of a tensor that does not hold together
        return []  # which is the checker's business
