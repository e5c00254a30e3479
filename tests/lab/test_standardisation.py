"""Empty cells are filled with what the standardisation was fitted on, and only they."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinyai_registry.lab.standardisation import standardise

COLUMNS = hnp.arrays(np.float64, (9, 3), elements=st.floats(-1e3, 1e3) | st.just(np.nan)).filter(
    lambda rows: not np.isnan(rows).all(axis=0).any()
)


@given(COLUMNS)
def test_the_fill_is_the_median_of_the_cells_that_are_there(rows):
    found = standardise(rows)
    for k, column in enumerate(rows.T):
        assert found.fill[k] == np.median(column[~np.isnan(column)])


@given(COLUMNS)
def test_mean_and_std_are_those_of_the_filled_rows(rows):
    found = standardise(rows)
    whole = found.fill_empty(rows)
    np.testing.assert_allclose(found.mean, whole.mean(axis=0), rtol=1e-9, atol=1e-9)
    std = whole.std(axis=0)
    np.testing.assert_allclose(found.std, np.where(std < 1e-8, 1.0, std), rtol=1e-9)


@given(COLUMNS)
def test_only_empty_cells_are_filled(rows):
    filled = standardise(rows).fill_empty(rows)
    assert not np.isnan(filled).any()
    np.testing.assert_array_equal(filled[~np.isnan(rows)], rows[~np.isnan(rows)])


@given(COLUMNS)
def test_what_is_applied_is_finite_and_as_the_sidecar_tells_a_caller_to_do_it(rows):
    found = standardise(rows)
    by_hand = (np.where(np.isnan(rows), found.fill, rows) - found.mean) / found.std
    np.testing.assert_array_equal(found.apply(rows), by_hand.astype(np.float32))
    assert found.apply(rows).dtype == np.float32


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_filling_keeps_the_type_and_the_rows_that_were_given(dtype):
    rows = np.array([[1.0, np.nan], [3.0, 4.0]], dtype)
    filled = standardise(rows.astype(np.float64)).fill_empty(rows)
    assert filled.dtype == dtype
    assert np.isnan(rows[0, 1])
    assert filled.tolist() == [[1.0, 4.0], [3.0, 4.0]]
