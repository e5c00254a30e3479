"""Columns that a recipe derives, and what becomes of them before the network."""

from __future__ import annotations

import numpy as np
import pytest

from tinyai_registry.errors import TableError
from tinyai_registry.lab.derived import make_unknown
from tinyai_registry.lab.standardisation import standardise
from tinyai_registry.recipe import Constant, Input, Log, OneHot, Ratio, Scaled

CODEC = OneHot("codec", ("x264", "x265"), unknown=True)
INPUTS = {
    "inputs": (
        Input("features", ("adm2", "crf_norm", "log_crf", "ratio", "preset")),
        Input("codec_block", CODEC.columns, standardise=False),
    ),
    "derived": (
        Scaled("crf_norm", of="rate_value", low=10, high=20),
        Log("log_crf", of="rate_value"),
        Ratio("ratio", of="rate_value", to="size"),
        Constant("preset", 0.5),
        CODEC,
    ),
}


@pytest.fixture
def encodes(frame):
    """Rows of three codecs in turn, of which the recipe names two."""
    codecs = np.resize(["x264", "vp9", "x265"], len(frame))
    return frame.assign(codec=codecs, rate_value=np.resize([20, 22, 24], len(frame)), size=4.0)


def test_columns_are_derived_by_arithmetic(read, encodes):
    table = read(encodes, **INPUTS)
    found = {name: table.frame[name].to_numpy()[:3].tolist() for name in table.recipe.inputs[0].columns[1:]}
    assert found == {
        "crf_norm": pytest.approx([1.0, 1.2, 1.4]),
        "log_crf": pytest.approx(np.log([20, 22, 24]).tolist()),
        "ratio": [5.0, 5.5, 6.0],
        "preset": [0.5, 0.5, 0.5],
    }


def test_a_value_that_is_not_listed_is_the_unknown_one(read, encodes):
    table = read(encodes, **INPUTS)
    block = table.inputs(np.arange(3))["codec_block"]
    assert block.tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]


def test_what_is_not_standardised_has_mean_0_and_std_1(read, encodes):
    table = read(encodes, **INPUTS)
    scaler = standardise(table.features, table.recipe.standardised)
    assert (scaler.mean[-3:].tolist(), scaler.std[-3:].tolist()) == ([0, 0, 0], [1, 1, 1])
    everything = standardise(table.features)
    assert scaler.mean[:-3].tolist() == everything.mean[:-3].tolist()
    assert np.unique(scaler.apply(table.features)[:, -3:]).tolist() == [0, 1]


def test_a_row_is_made_unknown_in_its_slots_alone(read, encodes):
    table = read(encodes, **INPUTS)
    rows = np.arange(len(table.features)) % 3 == 0
    made = make_unknown(table.recipe, CODEC, table.features, rows)
    assert np.unique(made[rows, -3:], axis=0).tolist() == [[0, 0, 1]]
    assert (made[~rows] == table.features[~rows]).all()
    assert (made[:, :-3] == table.features[:, :-3]).all()


REFUSED = {
    "a value that is not listed": (
        {"derived": (OneHot("codec", ("x264", "x265")),), "inputs": (Input("x", ("codec=x264", "codec=x265")),)},
        {},
        ["column codec has the value 'vp9' in row 1", "small_v1 knows: x264, x265"],
    ),
    "no value that is listed": (
        {},
        {"codec": "av1"},
        ["column codec has av1, and small_v1 lists x264, x265", "every row would be unknown"],
    ),
    "a one-hot of numbers": ({}, {"codec": 7}, ["column codec has the value", "convert it to text"]),
    "a codec that is none": ({}, {"codec": None}, ["column codec has the value nan in row 0", "which is none"]),
    "a logarithm of 0": ({}, {"rate_value": 0}, ["column rate_value has the value 0.0 in row 0", "no logarithm"]),
    "a division by 0": ({}, {"size": 0}, ["column size has the value 0.0 in row 0", "divides by it for ratio"]),
    "a source of text": ({}, {"rate_value": "high"}, ["rate_value", "not numeric"]),
}


@pytest.mark.parametrize(("declared", "cells", "words"), REFUSED.values(), ids=REFUSED)
def test_a_column_that_cannot_be_derived_is_refused_in_one_line(read, encodes, declared, cells, words):
    spoilt = encodes.assign(**{name: [value] * len(encodes) for name, value in cells.items()})
    with pytest.raises(TableError) as refused:
        read(spoilt, **{**INPUTS, **declared})
    message = str(refused.value)
    assert [word for word in ("table.parquet", *words) if word not in message] == []
    assert "\n" not in message
