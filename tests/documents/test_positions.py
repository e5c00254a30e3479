"""Where things stand in a JSON text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyai_registry.documents import strict_json
from tinyai_registry.documents.positions import Position, escape_step, position, positions, tokens

TEXT = """{
  "models": [
    {"id": "a", "opset": 17},
    {
      "id": "b\\u0041",
      "a/b~c": [1, -2.5e3,
        {"": null}]
    }
  ]
}
"""

KEYS = st.text(max_size=3)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


def leaves(value, pointer=""):
    yield pointer, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{pointer}/{escape_step(key)}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, f"{pointer}/{index}")


@pytest.mark.parametrize(
    ("pointer", "where"),
    {
        "": Position(1, 1, 1),
        "/models": Position(2, 13, 1),
        "/models/0": Position(3, 5, 1),
        "/models/0/opset": Position(3, 26, 2),
        "/models/1/id": Position(5, 13, 9),
        "/models/1/a~1b~0c/1": Position(6, 20, 6),
        "/models/1/a~1b~0c/2/": Position(7, 14, 4),
    }.items(),
)
def test_a_value_is_where_it_begins(pointer, where):
    assert positions(TEXT, {pointer}) == {pointer: where}


def test_what_is_missing_is_where_it_would_be():
    assert positions(TEXT, {"/models/1/sha256", "/models/7/id", "/x/y/z"}) == {
        "/models/1/sha256": Position(4, 5, 1),
        "/models/7/id": Position(2, 13, 1),
        "/x/y/z": Position(1, 1, 1),
    }


@given(VALUES, st.sampled_from([None, 2]), st.booleans())
def test_every_value_is_found_in_any_layout(value, indent, ascii_only):
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    found = list(tokens(text))
    assert [token.pointer for token in found] == [pointer for pointer, _ in leaves(value)]
    for token, (_, inner) in zip(found, leaves(value), strict=True):
        if isinstance(inner, dict | list):
            assert token.text == ("{" if isinstance(inner, dict) else "[")
        else:
            assert json.loads(token.text) == inner
            where = position(text, token.start)
            assert text.split("\n")[where.line - 1][where.column - 1 :].startswith(token.text)


@given(st.text(alphabet='{}[]",:\\ \n1a', max_size=40))
def test_any_text_gives_tokens_and_never_an_exception(text):
    assert all(0 <= token.start < len(text) for token in tokens(text))


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (b'{\n "a": 1,\n  "a": 2\n}', (3, 8)),
        (b'[1,\n {"b": {"x": 1, "y": 2, "x": [3]}}]', (2, 30)),
        (b'{"a": [1, 2, NaN]}', (1, 14)),
        (b'{"a": "NaN",\n "b": -Infinity}', (2, 7)),
        (b'{"a": 1e999}', (1, 7)),
        (b'{"a": ' + b"9" * 1000 + b"}", (1, 7)),
        (b"\n" + b"[" * 70 + b"]" * 70, (2, 65)),
        (b'{"a":\n }', (2, 2)),
    ],
)
def test_a_text_that_is_not_strict_says_where(data, where):
    with pytest.raises(strict_json.StrictJsonError) as refused:
        strict_json.loads(data, "x.json")
    assert (refused.value.at.line, refused.value.at.column) == where
    assert str(refused.value).startswith(f"x.json:{where[0]}:{where[1]}: ")
