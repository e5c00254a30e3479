"""Walking through everything that a protobuf message holds, at any depth."""

from __future__ import annotations

from collections.abc import Iterator

import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message


def messages(message: Message) -> Iterator[Message]:
    """``message`` and everything inside it: subgraphs, functions and sparse weights too."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for inner in [value] if isinstance(value, Message) else value:
                yield from messages(inner)


def tensors(message: Message) -> Iterator[onnx.TensorProto]:
    """Every tensor in it."""
    return (inner for inner in messages(message) if isinstance(inner, onnx.TensorProto))


def texts(message: Message) -> Iterator[str | bytes]:
    """Every string in ``message`` itself; bytes where it is not UTF-8."""
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_STRING:
            yield from [value] if isinstance(value, str | bytes) else value
