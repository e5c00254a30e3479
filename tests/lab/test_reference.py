"""The reference knows the training rows and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from tinyai_registry.lab.reference import reference_prediction
from tinyai_registry.recipe import MeanBy

RUNG = MeanBy("codec")


@pytest.fixture
def table(read, frame):
    """600 rows; the codec of the last hundred occurs nowhere else."""
    codec = np.array(["x264", "x265"])[np.arange(600) % 2]
    return read(frame[:600].assign(codec=np.where(np.arange(600) < 500, codec, "av1")), reference=RUNG)


def test_it_predicts_the_mean_of_the_training_rows_of_the_same_value(table):
    train, rows = np.arange(100, 300), np.array([0, 1, 2, 7])
    even, odd = (table.target[train[train % 2 == k]].mean() for k in (0, 1))
    np.testing.assert_allclose(reference_prediction(RUNG, table, train, rows), [even, odd, even, odd])


def test_a_value_that_no_training_row_has_gets_the_mean_of_all_of_them(table):
    train = np.arange(100, 300)
    guess = reference_prediction(RUNG, table, train, np.array([500, 599]))
    np.testing.assert_allclose(guess, table.target[train].mean())


def test_what_is_held_out_does_not_reach_it(table):
    train, rows = np.arange(300), np.arange(300, 600)
    before = reference_prediction(RUNG, table, train, rows)
    table.frame.loc[300:, "vmaf"] = 0.0
    np.testing.assert_array_equal(reference_prediction(RUNG, table, train, rows), before)
    assert before.dtype == np.float64


@pytest.mark.parametrize("kind", ["category", "int", "float"])
def test_its_column_may_be_of_any_type(read, frame, kind):
    number = np.arange(len(frame)) % 3
    codec = {"category": frame.source.astype("category"), "int": number, "float": number / 2}[kind]
    table = read(frame.assign(codec=codec), reference=RUNG)
    guess = reference_prediction(RUNG, table, np.arange(len(frame)), np.arange(len(frame)))
    wanted = table.frame.groupby(table.frame.codec.astype(str)).vmaf.transform("mean")
    np.testing.assert_allclose(guess, wanted)
