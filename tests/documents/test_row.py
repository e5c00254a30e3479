"""The row is merged, never rebuilt; the registry around it stays."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyai_registry.documents.row import FROM_SIDECAR, TWIN_KEYS, merged, with_rows

KEYS = st.text(string.ascii_lowercase + "_", min_size=1, max_size=8)
JSON = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=3)
OBJECTS = st.dictionaries(KEYS, JSON, max_size=6)
SIDECAR = {**dict.fromkeys(FROM_SIDECAR, "new"), "id": "mine", "license": "MIT"}


@given(OBJECTS)
def test_every_key_that_we_do_not_set_survives(row):
    new = merged(row, SIDECAR)
    ours = {*FROM_SIDECAR, *TWIN_KEYS}
    assert {k: v for k, v in row.items() if k not in ours}.items() <= new.items()
    assert {key: new[key] for key in FROM_SIDECAR} == {key: SIDECAR[key] for key in FROM_SIDECAR}
    assert set(new) - set(row) <= {*FROM_SIDECAR, "license"}


@given(OBJECTS)
def test_merging_twice_is_merging_once(row):
    once = merged(row, SIDECAR)
    assert merged(once, SIDECAR) == once


@pytest.mark.parametrize(("row", "licence"), [(None, "MIT"), ({}, "MIT"), ({"license": "ISC"}, "ISC")])
def test_the_recipes_licence_counts_only_where_the_row_has_none(row, licence):
    assert merged(row, SIDECAR)["license"] == licence


def test_a_row_does_not_speak_of_a_twin_of_the_old_weights():
    row = merged({"int8_sha256": "a" * 64, "quant_mode": "dynamic", "quant_calibration_set": "x"}, SIDECAR)
    assert set(row) == {*FROM_SIDECAR, "license", "quant_calibration_set"}


def keyed(rows: list[dict]) -> list[list[tuple[str, object]]]:
    return [list(row.items()) for row in rows]


@given(st.lists(OBJECTS.filter(lambda row: row.get("id") != "mine"), max_size=5), st.data())
def test_a_known_row_is_replaced_in_its_place_and_its_neighbours_keep_even_their_key_order(rows, data):
    at = data.draw(st.integers(0, len(rows)))
    models = [*rows[:at], {"onnx": "old", "id": "mine"}, *rows[at:]]
    document = with_rows({"z": 1, "models": models, "a": 2}, [{"onnx": "new", "id": "mine"}])
    assert list(document) == ["z", "models", "a"]
    assert keyed(document["models"]) == keyed([*rows[:at], {"id": "mine", "onnx": "new"}, *rows[at:]])


@given(st.lists(OBJECTS.filter(lambda row: row.get("id") != "mine"), max_size=5))
def test_a_new_row_is_inserted_and_nothing_else_moves(rows):
    document = with_rows({"models": rows}, [{"id": "mine"}])
    assert [row for row in document["models"] if row != {"id": "mine"}] == rows
    assert document["models"].count({"id": "mine"}) == 1


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
    document = with_rows({"models": [{"id": i} for i in ids]}, [{"id": "m"}])
    assert [row["id"] for row in document["models"]] == order


def test_several_rows_go_each_to_its_place():
    document = with_rows({"models": [{"id": "a"}, {"id": "m", "onnx": "old"}]}, [{"id": "m"}, {"id": "b"}, {"id": "z"}])
    assert document["models"] == [{"id": i} for i in ("a", "b", "m", "z")]


def test_the_document_that_was_read_is_left_alone():
    document = {"models": [{"id": "mine", "onnx": "old"}]}
    with_rows(document, [{"id": "mine", "onnx": "new"}])
    assert document == {"models": [{"id": "mine", "onnx": "old"}]}
