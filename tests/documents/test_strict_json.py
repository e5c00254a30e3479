"""JSON that means one thing."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyai_registry.documents import strict_json
from tinyai_registry.errors import DocumentError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)

REFUSED = {
    "byte order mark": (b"\xef\xbb\xbf{}", "x.json:1:1"),
    "UTF-16": ("{}".encode("utf-16"), "byte 0 is not UTF-8"),
    "Latin-1": (b'{"a": "caf\xe9"}', "byte 10 is not UTF-8"),
    "encoded surrogate": (b'"\xed\xa0\x80"', "byte 1 is not UTF-8"),
    "half a surrogate pair": (b'{"a": 1, "b": ["x", "\\ud83d"]}', "x.json:1:21: half of a character"),
    "half a surrogate pair in a key": (b'{"a": 1, "\\udc00": 2}', "x.json:1:20: half of a character"),
    "duplicate key": (b'{"a": 1, "a": 1}', "the key 'a' stands twice"),
    "duplicate key, escaped": (b'{"a": 1, "\\u0061": 2}', "the key 'a' stands twice"),
    "duplicate key, deep": (b'[{"b": {"a": 1, "c": 2, "a": 3}}]', "the key 'a' stands twice"),
    "NaN": (b'{"a": NaN}', "NaN is not JSON"),
    "Infinity": (b"[Infinity]", "Infinity is not JSON"),
    "-Infinity": (b"[-Infinity]", "-Infinity is not JSON"),
    "overflow": (b"[1e999]", "1e999 is beyond the range of a double"),
    "negative overflow": (b"[-1e999]", "beyond the range"),
    "endless integer": (b"9" * 5000, "a number of 5000 digits"),
    "nested arrays": (b"[" * 100_000, "nested too deeply"),
    "nested objects": (b'{"a":' * 100_000, "nested too deeply"),
    "too large": (b" " * (strict_json.MAX_BYTES + 1), "at most"),
    "nothing": (b"", "x.json:1:1"),
    "two documents": (b"{} {}", "x.json:1:4"),
    "comment": (b"{} // that was all", "x.json:1:4"),
    "single quotes": (b"{'a': 1}", "x.json:1:2"),
    "trailing comma": (b"[1,]", "x.json:1:"),
    "control character": (b'"a\nb"', "x.json:1:"),
}


@pytest.mark.parametrize(("data", "told"), REFUSED.values(), ids=REFUSED)
def test_what_readers_of_json_disagree_about_is_refused_in_one_line(data, told):
    with pytest.raises(DocumentError) as refused:
        strict_json.loads(data, "x.json")
    message = str(refused.value)
    assert message.startswith("x.json")
    assert told in message
    assert "\n" not in message


LONG = b"0." + b"1" * 400
MISPLACED = {
    "a long fraction before": (b"[" + LONG + b",\n1e999]", 2),
    "a long fraction before a constant": (b"[" + LONG + b",\n  NaN]", 2),
    "another number in a string": (b'["1e999",\n1e999]', 2),
    "a longer one that begins alike": (b"[1e99,\n1e999]", 2),
    "another key that stands twice": (b'{"x": 1,\n"x": {"c": 1,\n"c": 2}}', 3),
    "a key to be escaped": (b'{"a/b": 1,\n"b": 2,\n"a/b": 3}', 3),
}


@pytest.mark.parametrize(("data", "line"), MISPLACED.values(), ids=MISPLACED)
def test_the_fault_is_where_it_is_said_to_be(data, line):
    with pytest.raises(strict_json.StrictJsonError) as refused:
        strict_json.loads(data, "x.json")
    assert refused.value.at.line == line


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a": [1, 2.5, null, true, "\\u00e9"]}', {"a": [1, 2.5, None, True, "é"]}),
        (b'"caf\xc3\xa9"', "café"),
        (b'"\\ud83d\\ude42"', "\U0001f642"),
    ],
)
def test_strict_json_is_read(data, value):
    assert strict_json.loads(data, "x.json") == value


@given(VALUES)
def test_what_is_written_is_read_back_equal(value):
    text = strict_json.dumps(value)
    assert strict_json.loads(text.encode("ascii"), "x.json") == value
    assert json.loads(text) == value


@given(VALUES)
def test_what_is_written_ends_in_one_newline_and_writes_the_same_again(value):
    text = strict_json.dumps(value)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert strict_json.dumps(strict_json.loads(text.encode(), "x.json")) == text


def test_the_deepest_that_can_be_read_can_be_written_again():
    deepest = b"[" * strict_json.MAX_DEPTH + b"]" * strict_json.MAX_DEPTH
    value = strict_json.loads(deepest, "x.json")
    assert strict_json.loads(strict_json.dumps(value).encode(), "x.json") == value
    with pytest.raises(DocumentError, match="nested too deeply"):
        strict_json.loads(b"[" + deepest + b"]", "x.json")


def test_brackets_in_a_string_are_no_depth():
    assert strict_json.loads(b'["' + b"[" * 1000 + b'"]', "x.json") == ["[" * 1000]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_json_does_not_have_is_not_written(value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        strict_json.dumps({"a": value})


def test_keys_are_sorted_unless_their_order_is_to_be_kept():
    assert strict_json.dumps({"b": 1, "a": "é"}) == '{\n  "a": "\\u00e9",\n  "b": 1\n}\n'
    assert strict_json.dumps({"b": 1, "a": 2}, sort_keys=False) == '{\n  "b": 1,\n  "a": 2\n}\n'


@pytest.mark.parametrize("name", ["missing.json", "."])
def test_a_file_that_cannot_be_read_is_a_document_error_that_names_it(tmp_path, name):
    with pytest.raises(DocumentError, match=str(tmp_path)):
        strict_json.read(tmp_path / name)
