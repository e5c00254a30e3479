"""How much memory a protobuf file would take, told from its bytes before anyone parses it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache

from google.protobuf.descriptor import Descriptor, FieldDescriptor

_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_SIZES = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}

# Bytes in memory, measured with protobuf 7 (upb) on messages of 200 000 fields of one sort: what the parser takes, and
# Python's object once somebody looks at the field. A field of two bytes in the file may be a message.
_MESSAGE, _TEXT, _NUMBER = 1024, 96, 40
# Numbers in a packed field stay in the parser.
_PACKED = 8
_MOST_FOR_A_BYTE = _MESSAGE // 2
_GOES_ON = bytes(range(0x80, 0x100))  # the bytes of a varint that more of it follow


def takes_more_memory(data: bytes, kind: Descriptor, limit: int) -> bool:
    """Whether ``data``, a message of this ``kind``, takes more than ``limit`` bytes of memory beyond its own.

    What is no protobuf is left to the parser.
    """
    return len(data) * _MOST_FOR_A_BYTE > limit and _memory(data, kind, limit) > limit


def _memory(data: bytes, kind: Descriptor, limit: int) -> int:
    total, pending = 0, [(0, len(data), kind)]
    while pending and total <= limit:
        # A message whose numbers do not end is no reason to trust the others: a parser passes by what it does not know.
        with suppress(IndexError, ValueError):
            for cost in _costs(data, *pending.pop(), pending):
                total += cost
                if total > limit:
                    break
    return total


def _costs(
    data: bytes, at: int, end: int, kind: Descriptor, pending: list[tuple[int, int, Descriptor]]
) -> Iterator[int]:
    """What each field of a message takes; the messages in it are left in ``pending``."""
    messages, packed = _messages(kind), _packed(kind)
    while at < end:
        key, at = _varint(data, at)
        field = key >> 3
        if key & 7 == _LENGTH:
            length, at = _varint(data, at)
            if field in messages:
                pending.append((at, min(at + length, end), messages[field]))
                yield _MESSAGE
            elif field in packed:
                yield _PACKED * len(data[at : at + length].translate(None, _GOES_ON))
            else:
                yield _TEXT
            at += length
        else:
            yield _NUMBER
            at = _varint(data, at)[1] if key & 7 == _VARINT else at + _SIZES.get(key & 7, 0)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at ``at``, and where it ends. Raises ValueError if it is longer than numbers are."""
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        value, at = value | (byte & 0x7F) << shift, at + 1
        if byte < 0x80:  # noqa: PLR2004  # the eighth bit says that it goes on
            return value, at
    raise ValueError(at)


@cache
def _messages(kind: Descriptor) -> Mapping[int, Descriptor]:
    return {field.number: field.message_type for field in kind.fields if field.message_type is not None}


@cache
def _packed(kind: Descriptor) -> frozenset[int]:
    """The fields of many integers, which may come packed into one; a float takes as much memory as in the file."""
    integers = {FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64}
    return frozenset(field.number for field in kind.fields if field.is_repeated and field.cpp_type in integers)
