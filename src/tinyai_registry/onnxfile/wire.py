"""How much a protobuf file would become in memory, told from its bytes before anyone parses it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from google.protobuf.descriptor import Descriptor

_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_SIZES = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}


def has_more_fields(data: bytes, kind: Descriptor, limit: int) -> bool:
    """Whether ``data``, a message of this ``kind``, has more than ``limit`` fields, those of messages inside included.

    A field takes two bytes in the file and a hundred in memory. What is no protobuf is left to the parser.
    """
    if len(data) <= 2 * limit:
        return False
    try:
        return _fields(data, kind, limit) > limit
    except IndexError:  # it ends in the middle of a number
        return False


def _fields(data: bytes, kind: Descriptor, limit: int) -> int:
    found, pending = 0, [(0, len(data), kind)]
    while pending:
        at, end, kind = pending.pop()
        while at < end and found <= limit:
            found += 1
            key, at = _number(data, at)
            if key & 7 == _LENGTH:
                length, at = _number(data, at)
                inside = _messages(kind).get(key >> 3)
                pending += [(at, min(at + length, end), inside)] if inside else []
                at += length
            elif key & 7 == _VARINT:
                at = _number(data, at)[1]
            else:
                at += _SIZES.get(key & 7, 0)
    return found


def _number(data: bytes, at: int) -> tuple[int, int]:
    """The varint at ``at``, and where it ends."""
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 0x80:  # noqa: PLR2004  # the eighth bit says that it goes on
            return value, at


@cache
def _messages(kind: Descriptor) -> Mapping[int, Descriptor]:
    return {field.number: field.message_type for field in kind.fields if field.message_type is not None}
