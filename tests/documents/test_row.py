"""The row is merged, never rebuilt; the registry around it stays."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyai_registry.documents.row import FROM_SIDECAR, TWIN_KEYS, merge

KEYS = st.text(string.ascii_lowercase + "_", min_size=1, max_size=8)
JSON = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=3)
OBJECTS = st.dictionaries(KEYS, JSON, max_size=6)
SIDECAR = {**dict.fromkeys(FROM_SIDECAR, "new"), "id": "mine", "license": "MIT"}


@given(OBJECTS)
def test_every_key_that_we_do_not_set_survives(row):
    new = merge(row, SIDECAR)
    ours = {*FROM_SIDECAR, *TWIN_KEYS}
    assert {k: v for k, v in row.items() if k not in ours}.items() <= new.items()
    assert {key: new[key] for key in FROM_SIDECAR} == {key: SIDECAR[key] for key in FROM_SIDECAR}
    assert set(new) - set(row) <= {*FROM_SIDECAR, "license"}


@given(OBJECTS)
def test_merging_twice_is_merging_once(row):
    once = merge(row, SIDECAR)
    assert merge(once, SIDECAR) == once


@pytest.mark.parametrize(("row", "licence"), [(None, "MIT"), ({}, "MIT"), ({"license": "ISC"}, "ISC")])
def test_the_recipes_licence_counts_only_where_the_row_has_none(row, licence):
    assert merge(row, SIDECAR)["license"] == licence


def test_a_row_does_not_speak_of_a_twin_of_the_old_weights():
    row = merge({"int8_sha256": "a" * 64, "quant_mode": "dynamic", "quant_calibration_set": "x"}, SIDECAR)
    assert set(row) == {*FROM_SIDECAR, "license"}
