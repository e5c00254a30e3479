"""Rows come and change in the text of a registry; its other bytes stay what they were."""

from __future__ import annotations

import json
import string
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyai_registry.documents import index, strict_json
from tinyai_registry.documents.index import put_row, remove_row

KEYS = st.text(string.ascii_lowercase + '_"\\é', min_size=1, max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
IDS = st.sampled_from("abcdefgh")
ROWS = st.builds(lambda row, model: {**row, "id": model}, st.dictionaries(KEYS, JSON, max_size=4), IDS)
OTHERS = ROWS | st.dictionaries(KEYS, JSON, max_size=4) | JSON
MODELS = st.lists(OTHERS, max_size=6)
SPACE = st.text(" \t\r\n", max_size=3)
STYLES: dict[str, dict[str, Any]] = {
    "ours": {"indent": 2},
    "wide": {"indent": 4, "ensure_ascii": False},
    "tabs": {"indent": "\t"},
    "on one line": {},
    "compact": {"separators": (",", ":")},
}


def with_rows(text: str, rows: list[dict[str, Any]]) -> str:
    return reduce(put_row, rows, text)


def expected(document: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What ``with_rows`` has to mean, on values."""
    models = list(document["models"])
    for row in rows:
        ids = [other.get("id") if isinstance(other, dict) else None for other in models]
        if row["id"] in ids:
            models[ids.index(row["id"])] = dict(sorted(row.items()))
        else:
            later = (n for n, other in enumerate(ids) if isinstance(other, str) and other > row["id"])
            models.insert(next(later, len(models)), dict(sorted(row.items())))
    return {**document, "models": models}


def ordered(value: Any) -> str:
    """``value`` with the order of its keys."""
    return json.dumps(value)


def read(text: str) -> dict[str, Any]:
    return strict_json.loads(text.encode(), "registry.json")


@pytest.mark.parametrize("style", STYLES)
@given(MODELS, st.lists(ROWS, min_size=1, max_size=3), st.booleans())
def test_it_means_what_was_asked_for_and_every_neighbour_keeps_its_bytes(style, models, rows, crlf):
    text = json.dumps({"a": [{"models": []}], "models": models, "z": "models"}, **STYLES[style])
    text = text.replace("\n", "\r\n") if crlf else text
    new = with_rows(text, rows)
    assert ordered(read(new)) == ordered(expected(read(text), rows))
    assert new.endswith("\n")
    neighbours(text, new, rows)


@given(st.lists(st.tuples(SPACE, OTHERS, SPACE), max_size=4), SPACE, st.lists(ROWS, max_size=3))
def test_white_space_may_stand_wherever_json_allows_it(models, space, rows):
    listing = ",".join(before + json.dumps(each) + after for before, each, after in models)
    text = space.join(["", "{", '"x"', ":", '"["', ",", '"\\u006dodels"', ":", "[", listing, "]", "}"])
    new = with_rows(text, rows)
    assert ordered(read(new)) == ordered(expected(read(text), rows))
    neighbours(text, new, rows)


def neighbours(text: str, new: str, rows: list[dict[str, Any]]) -> None:
    """Holds what stands before, beside and behind the rows in question against what stood there."""
    (before, others, after), (before_now, others_now, after_now) = apart(text, rows), apart(new, rows)
    assert others_now == others
    assert before_now.startswith(before.rstrip())
    assert after_now.rstrip().endswith(after.strip())


def apart(text: str, rows: list[dict[str, Any]]) -> tuple[str, list[str], str]:
    """What stands before the models, those that are not among ``rows``, and what stands behind the models."""
    spans = list(index._models(text))
    start = index._list(text)
    assert [json.loads(text[at:end]) for _, at, end in spans] == read(text)["models"]
    ours = {row["id"] for row in rows}
    others = [text[at:end] for model, at, end in spans if not isinstance(model, str) or model not in ours]
    return text[:start], others, text[spans[-1][2] if spans else start :]


@pytest.mark.parametrize("style", STYLES)
@given(MODELS, IDS)
def test_a_row_goes_and_every_neighbour_keeps_its_bytes(style, models, model):
    text = json.dumps({"a": 1, "models": models, "z": 2}, **STYLES[style])
    new = remove_row(text, model)
    ids = [each.get("id") if isinstance(each, dict) else None for each in models]
    left = [each for nth, each in enumerate(models) if model not in ids or nth != ids.index(model)]
    assert ordered(read(new)) == ordered({"a": 1, "models": left, "z": 2})
    neighbours(text, new, [{"id": model}])


@given(st.lists(ROWS, max_size=6, unique_by=lambda row: row["id"]), st.lists(ROWS, max_size=3))
def test_what_we_have_written_stays_as_we_write(models, rows):
    models = [dict(sorted(row.items())) for row in models]
    document = {"models": models, "schema_version": 1}
    new = with_rows(strict_json.dumps(document, sort_keys=False), rows)
    document = expected(document, rows)
    assert new == strict_json.dumps(document, sort_keys=False) or not document["models"]


@pytest.mark.parametrize(
    ("ids", "order"),
    [
        ([], ["m"]),
        (["a", "z"], ["a", "m", "z"]),
        (["z", "a"], ["m", "z", "a"]),
        (["a", "b"], ["a", "b", "m"]),
        ([None, 7, "z"], [None, 7, "m", "z"]),
    ],
    ids=str,
)
def test_a_new_row_goes_before_the_first_later_id(ids, order):
    text = put_row(strict_json.dumps({"models": [{"id": i} for i in ids]}), {"id": "m"})
    assert [row["id"] for row in read(text)["models"]] == order


def test_several_rows_go_each_to_its_place():
    text = strict_json.dumps({"models": [{"id": "a"}, {"id": "m", "onnx": "old"}]})
    new = with_rows(text, [{"id": "m"}, {"id": "b"}, {"id": "z"}])
    assert read(new)["models"] == [{"id": i} for i in ("a", "b", "m", "z")]


def test_a_refresh_is_a_small_diff_in_a_file_of_a_foreign_style():
    text = '{ "schema_version": 0,\n  "models": [\n   {"id": "a", "x": 1.50},\n   {"id": "c"}\n ]}'
    assert put_row(text, {"id": "b", "onnx": "b.onnx"}).splitlines() == [
        *['{ "schema_version": 0,', '  "models": [', '   {"id": "a", "x": 1.50},'],
        *["   {", '     "id": "b",', '     "onnx": "b.onnx"', "   },"],
        *['   {"id": "c"}', " ]}"],
    ]
