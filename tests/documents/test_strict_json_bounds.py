"""The bounds of strict JSON, to the byte, the level and the digit."""

from __future__ import annotations

import pytest

from tinyai_registry.documents import strict_json
from tinyai_registry.documents.strict_json import MAX_BYTES, MAX_DEPTH, MAX_DIGITS, Fault, StrictJsonError


def test_the_bounds_are_those_that_the_pages_name():
    assert (MAX_BYTES, MAX_DEPTH, MAX_DIGITS) == (16 * 2**20, 64, 400)


def text_of(size: int) -> bytes:
    return b'"' + b"x" * (size - 2) + b'"'


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def test_the_largest_document_is_read_and_one_byte_more_is_not():
    assert strict_json.loads(text_of(MAX_BYTES), "f") == "x" * (MAX_BYTES - 2)
    with pytest.raises(StrictJsonError, match=f"{MAX_BYTES + 1} bytes; a document has at most {MAX_BYTES}") as caught:
        strict_json.loads(text_of(MAX_BYTES + 1), "f")
    assert caught.value.fault is Fault.SIZE


@pytest.mark.parametrize("text", [nested, lambda n: b'{"a":' * n + b"1" + b"}" * n], ids=["lists", "objects"])
def test_the_deepest_document_is_read_and_one_level_more_is_not(text):
    strict_json.loads(text(MAX_DEPTH), "f")
    with pytest.raises(StrictJsonError, match=f"more than {MAX_DEPTH} levels") as caught:
        strict_json.loads(text(MAX_DEPTH + 1), "f")
    assert caught.value.fault is Fault.DEPTH


@pytest.mark.parametrize("sign", ["", "-"])
def test_the_longest_number_is_read_and_one_digit_more_is_not(sign):
    zeros = "0" * (MAX_DIGITS - len(sign) - 2)
    assert strict_json.loads(f"{sign}0.{zeros}".encode(), "f") == 0
    for longer in (f"{sign}1{'0' * MAX_DIGITS}", f"{sign}1{'0' * 3 * MAX_DIGITS}"):
        with pytest.raises(StrictJsonError) as caught:
            strict_json.loads(longer.encode(), "f")
        assert caught.value.fault is Fault.NUMBER


def test_a_whole_number_of_more_digits_than_any_double_has_is_refused_by_its_length():
    with pytest.raises(StrictJsonError, match=f"a number of {MAX_DIGITS + 1} digits"):
        strict_json.loads(b"1" * (MAX_DIGITS + 1), "f")


def test_a_whole_number_of_as_many_digits_as_are_read_is_refused_by_its_range():
    with pytest.raises(StrictJsonError, match="beyond the range of a double"):
        strict_json.loads(b"1" * MAX_DIGITS, "f")
