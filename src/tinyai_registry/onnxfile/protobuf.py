"""Walking through everything that a protobuf message holds, at any depth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from tinyai_registry.onnxfile.onnx_messages import TensorProto


def messages(message: Message) -> Iterator[Message]:
    """``message`` and everything inside it: subgraphs, functions and sparse weights too."""
    levels = [iter([message])]
    while levels:
        each = next(levels[-1], None)
        if each is None:
            levels.pop()
            continue
        yield each
        # Only what can hold a message is asked: the bytes of a tensor would be copied.
        for name in _names(each.DESCRIPTOR, FieldDescriptor.TYPE_MESSAGE):
            value = getattr(each, name)
            if isinstance(value, Message):
                levels += [iter([value])] if each.HasField(name) else []
            elif value:
                levels.append(iter(value))


def tensors(message: Message) -> Iterator[TensorProto]:
    """Every tensor in it."""
    return (inner for inner in messages(message) if isinstance(inner, TensorProto))


def elements(dims: Iterable[int]) -> int:
    """How many values a tensor of that shape has; cut off where no machine goes, for a shape costs nothing to write."""
    total = 1
    for dim in dims:
        total = max(-_MANY, min(total * dim, _MANY))
    return total


_MANY = 2**63


def texts(message: Message) -> Iterator[str | bytes]:
    """Every string in ``message`` itself; bytes where it is not UTF-8."""
    return (text for _, text in fields_of_text(message))


def fields_of_text(message: Message) -> Iterator[tuple[str, str | bytes]]:
    """The same, each with the name of its field."""
    for name in _names(message.DESCRIPTOR, FieldDescriptor.TYPE_STRING):
        value = getattr(message, name)
        yield from ((name, each) for each in ([value] if isinstance(value, str | bytes) else value))


@cache
def _names(kind: Descriptor, of_type: int) -> tuple[str, ...]:
    """The fields of messages of this ``kind`` that hold one type of value."""
    return tuple(field.name for field in kind.fields if field.type == of_type)
