"""What is computed block by block is what numpy computes of the whole."""

from __future__ import annotations

import numpy as np
import pytest

from tinyai_registry.lab.blocks import ROWS, find, mean_and_std

SIZES = (1, 7, 1000, ROWS - 1, ROWS, ROWS + 1, 3 * ROWS + 5, 5 * ROWS - 8)


@pytest.mark.parametrize("size", SIZES)
def test_mean_and_standard_deviation_have_numpys_bits(size):
    column = np.random.default_rng(size).normal(70, 20, size)
    assert mean_and_std(column) == (column.mean(), column.std())


@pytest.mark.parametrize("size", SIZES[1:])
def test_a_value_may_stand_in_for_empty_cells(size):
    generator = np.random.default_rng(size)
    column = generator.normal(70, 20, size)
    column[generator.random(size) < 0.1] = np.nan
    filled = np.where(np.isnan(column), 3.25, column)
    assert mean_and_std(column, 3.25) == (filled.mean(), filled.std())


@pytest.mark.parametrize("places", [[], [0], [ROWS - 1, ROWS], [2 * ROWS + 3, 2 * ROWS + 9]])
def test_what_is_found_is_counted_and_the_first_is_named(places):
    column = np.zeros(2 * ROWS + 10)
    column[places] = np.nan
    assert find(column, np.isnan) == (len(places), places[0] if places else 0)
