"""Rows go into a loaded model by name, filled, scaled and derived as its sidecar says, or are refused in one line."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest

from tinyai_registry.errors import RegistryError, TableError
from tinyai_registry.lab.call import read_call
from tinyai_registry.lab.inference import open_session
from tinyai_registry.lab.loaded_model import BATCH, LoadedModel
from tinyai_registry.onnxfile.graph import parse
from tinyai_registry.recipe import CardText, Constant, Criterion, Input, KFold, OneHot, Recipe, Scaled, decisive

HEAD = '<ir_version: 8, opset_import: ["": 17]>'
AXIS = "<int64[1] axis = {1}>"
SUM = (
    f"{HEAD} g (float[N, 2] features) => (float[N] score) {AXIS} {{ score = ReduceSum<keepdims = 0>(features, axis) }}"
)
SCALED = f"""{HEAD} g (float[N, 2] features) => (float[N] score)
<int64[1] axis = {{1}}, float[2] mean = {{1, 1}}, float[2] std = {{2, 2}}>
{{ c = Sub(features, mean) d = Div(c, std) score = ReduceSum<keepdims = 0>(d, axis) }}"""
TWO = f"""{HEAD} g (float[N, 2] features, float[N, 2] codec) => (float[N, 1] score) {AXIS}
{{ x = Concat<axis = 1>(features, codec) score = ReduceSum<keepdims = 1>(x, axis) }}"""
DOUBLED = f"""{HEAD} g (float[N, 1, 2, 2] luma) => (float[N, 1, 2, 2] out)
<float two = {{2}}> {{ out = Mul(luma, two) }}"""
ONE = f"{HEAD} g (float[1, 1, H, W] luma) => (float[1, 1, 1, 1] mos) {{ mos = GlobalAveragePool(luma) }}"
THREE = (
    f"{HEAD} g (float[3, 2] features) => (float[3] score) {AXIS} {{ score = ReduceSum<keepdims = 0>(features, axis) }}"
)
ORDER = {"feature_order": ["a", "b"]}
VECTORS = {"feature_mean": [1.0, 1.0], "feature_std": [2.0, 2.0]}
OLD_VECTORS = {"features": ["a", "b"], "input_mean": [1.0, 1.0], "input_std": [2.0, 2.0]}
ROWS = {"b": [5.0, 1.0], "a": [3.0, 1.0], "other": ["x", "y"]}


def opened(text: str, said: dict[str, Any]) -> LoadedModel:
    data = onnx.parser.parse_model(text).SerializeToString()
    return LoadedModel("m_v1", "0" * 64, said, open_session(data), read_call(said, parse(data)))


@pytest.mark.parametrize(
    ("text", "said", "expected"),
    [
        (SUM, ORDER, [8.0, 2.0]),
        (SUM, {**ORDER, **VECTORS, "onnx_has_scaler": False}, [3.0, 0.0]),
        (SUM, {**ORDER, **VECTORS}, [3.0, 0.0]),
        (SUM, OLD_VECTORS, [3.0, 0.0]),
        (SCALED, {**ORDER, "onnx_has_scaler": True}, [3.0, 0.0]),
        (SCALED, {**ORDER, **VECTORS, "onnx_has_scaler": True}, [3.0, 0.0]),
        (SCALED, {**ORDER, **VECTORS}, [3.0, 0.0]),
        (SCALED, OLD_VECTORS, [3.0, 0.0]),
        (SUM, {**ORDER, "feature_mean": [1.0, 1.0], "feature_std": [2.0, 0.0]}, [5.0, 0.0]),
    ],
    ids=[
        *("nobody scales", "the caller does, as marked", "the caller does, as the graph does not", "in older words"),
        *("the graph does", "the graph does, and vectors lie about", "the graph does, unmarked", "the same, older"),
        "a column that never varies",
    ],
)
def test_features_are_scaled_once(text, said, expected):
    assert opened(text, said).predict(ROWS).tolist() == expected


def test_columns_are_taken_by_name_from_a_frame_or_a_mapping():
    model = opened(SUM, {**ORDER, **VECTORS})
    assert model.columns == model.sources == ("a", "b")
    assert np.array_equal(model.predict(pd.DataFrame(ROWS)), model.predict(ROWS))


def test_an_empty_cell_is_filled_where_the_sidecar_says_with_what():
    rows = {"a": [np.nan, 1.0], "b": [5.0, np.nan]}
    said = {**ORDER, **VECTORS, "feature_fill": [3.0, 1.0]}
    assert opened(SUM, said).predict(rows).tolist() == [3.0, 0.0]
    assert opened(SCALED, {**said, "onnx_has_scaler": True}).predict(rows).tolist() == [3.0, 0.0]
    with pytest.raises(TableError, match="column a, which m_v1 takes, is infinite in 1 rows, first in row 1"):
        opened(SUM, said).predict({**rows, "a": [1.0, np.inf]})


def test_whatever_holds_numbers_is_taken():
    model, expected = opened(SUM, ORDER), [3.0, 6.0]
    for ones in ([1, 2], (1, 2), np.array([[1], [2]]), pd.Series([1, 2], dtype="Int64"), pd.Categorical([1, 2])):
        assert model.predict({"a": ones, "b": [Decimal(2), Decimal(4)]}).tolist() == expected
    assert model.predict(pd.Series({"a": 1.0, "b": 2.0})).tolist() == expected[:1]


def test_many_rows_are_as_each_by_itself():
    model = opened(SUM, ORDER)
    a = np.arange(2 * BATCH + 3, dtype=float)
    assert np.array_equal(model.predict({"a": a, "b": -a + 1}), np.ones(len(a)))


RECIPE = Recipe(
    id="m_v1",
    kind="fr",
    inputs=(Input("features", ("a", "b")), Input("codec", ("codec=x264", "crf_norm"), standardise=False)),
    target="vmaf",
    target_range=(0.0, 100.0),
    key=("clip",),
    group="clip",
    clip="clip",
    dataset="made-up",
    folds=KFold(2),
    criteria=(Criterion("plcc", "mean", ">=", 0.5),),
    license="MIT",
    dataset_license="MIT",
    decision="ADR-0001",
    card=CardText("M", "M.", "M.", "M."),
    derived=(OneHot("codec", ("x264", "x265")), Scaled("crf_norm", of="crf", low=0, high=50)),
)
EMBEDDED = {"kind": "fr", "recipe": decisive(RECIPE), **ORDER, **VECTORS}


def test_derived_columns_are_computed_and_what_is_not_standardised_stays_as_it_is():
    model = opened(TWO, EMBEDDED)
    assert model.columns == ("a", "b", "codec=x264", "crf_norm")
    assert {"codec", "crf"} < set(model.sources)
    rows = {**ROWS, "codec": ["x264", "x265"], "crf": [25, 50]}
    assert model.predict(rows).tolist() == [3.0 + 1.0 + 0.5, 0.0 + 0.0 + 1.0]
    assert model.predict({**ROWS, "codec=x264": [1, 0], "crf_norm": [0.5, 1.0]}).tolist() == [4.5, 1.0]
    one = {"a": 3.0, "b": 5.0, "codec": "x264", "crf": 25}
    assert model.predict(one).tolist() == [4.5]
    with pytest.raises(TableError, match="column crf, which m_v1 takes, is not numeric"):
        model.predict({**rows, "crf": ["25", "50"]})
    with pytest.raises(TableError, match="the columns that m_v1 takes do not fit each other"):
        model.predict({**rows, "crf": [25]})
    with pytest.raises(TableError, match="the rows for m_v1: column codec has the value 'vp9' in row 1"):
        model.predict({**rows, "codec": ["x264", "vp9"]})


def test_a_constant_is_there_for_every_row_though_it_comes_from_no_column():
    inputs = (RECIPE.inputs[0], Input("codec", ("one", "half"), standardise=False))
    recipe = replace(RECIPE, inputs=inputs, derived=(Constant("one", 1.0), Constant("half", 0.5)))
    model = opened(TWO, {**EMBEDDED, "recipe": decisive(recipe)})
    assert model.predict(ROWS).tolist() == [3.0 + 1.5, 0.0 + 1.5]


def test_an_input_of_which_nobody_says_the_columns_is_an_array():
    model = opened(TWO, ORDER)
    assert (model.columns, dict(model.arrays)) == (("a", "b"), {"codec": ("N", 2)})
    assert model.predict({**ROWS, "codec": [[1, 1], [0, 0]]}).tolist() == [10.0, 2.0]


def test_a_picture_comes_out_as_the_graph_gives_it_and_a_score_as_one_number():
    luma = np.arange(12, dtype=np.float32).reshape(3, 1, 2, 2)
    assert np.array_equal(opened(DOUBLED, {}).predict({"luma": luma}), 2 * luma)
    mos = opened(ONE, {}).predict({"luma": luma})
    assert (mos.tolist(), mos.dtype) == ([1.5, 5.5, 9.5], np.float64)


REFUSED = {
    "a missing column": (SUM, ORDER, {"a": [1.0]}, r"m_v1 needs the column b \(there are: a\)"),
    "a column of another case": (SUM, ORDER, {"a": [1.0], "B": [1.0]}, "needs the column b"),
    "a missing source": (TWO, EMBEDDED, {**ROWS, "codec": ["x264", "x264"]}, "needs the column crf"),
    "no numbers": (SUM, ORDER, {"a": ["x"], "b": [1.0]}, "column a, which m_v1 takes, is not numeric"),
    "numbers as text": (SUM, ORDER, {"a": ["1.0"], "b": [1.0]}, "column a, which m_v1 takes, is not numeric"),
    "text among objects": (SUM, ORDER, pd.DataFrame({"a": ["1.0"], "b": [1.0]}), "is not numeric .it has text"),
    "moments": (SUM, ORDER, {"a": np.array([0], "M8[s]"), "b": [1.0]}, "is not numeric .it is datetime64"),
    "complex numbers": (SUM, ORDER, {"a": [1j], "b": [1.0]}, "is not numeric .it is complex128"),
    "two columns of a name": (
        SUM,
        ORDER,
        pd.DataFrame([[1.0, 2.0, 3.0]], columns=["a", "a", "b"]),
        r"column a, which m_v1 takes, has the shape \[1, 2\], not one value for each row",
    ),
    "a masked cell": (
        SUM,
        ORDER,
        {"a": np.ma.masked_array([1, 2], [False, True]), "b": [1.0, 2.0]},
        "column a, which m_v1 takes, is NaN, infinite or null in 1 rows, first in row 1",
    ),
    "more than float32 holds": (
        SUM,
        ORDER,
        {"a": [1.0, 1e300], "b": [1.0] * 2},
        r"a, which m_v1 takes, is 1e\+300 in row 1",
    ),
    "more than the graph holds": (
        SUM.replace(
            "ReduceSum<keepdims = 0>(features, axis)", "ReduceProd<axes = [1], keepdims = 0>(features)"
        ).replace(AXIS, ""),
        ORDER,
        {"a": [1.0, 1e30], "b": [1.0, 1e30]},
        "m_v1 gives no finite number for row 1",
    ),
    "a list": (
        SUM,
        ORDER,
        [[1.0, 2.0]],
        "m_v1 takes a data frame or a mapping of names to values, and was given a list",
    ),
    "an array": (SUM, ORDER, np.ones((2, 2)), "and was given a ndarray"),
    "a file": (SUM, ORDER, "rows.csv", "and was given a str"),
    "one column": (SUM, ORDER, pd.Series([1.0] * 99), r"0, 1, .* and 89 more\)"),
    "a mapping of a column": (SUM, ORDER, {"a": pd.Series([1.0])}, r"needs the column b \(there are: a\)"),
    "many other columns": (SUM, ORDER, {f"c{n}": [1.0] for n in range(99)}, r"c0, .* and 89 more\)"),
    "nothing": (SUM, ORDER, None, "and was given a NoneType"),
    "columns without names": (
        SUM,
        ORDER,
        pd.DataFrame([[1.0, 2.0]]),
        r"m_v1 needs the columns a, b \(there are: 0, 1\)",
    ),
    "an array of text": (DOUBLED, {}, {"luma": [["x"]]}, "the array luma is not numeric"),
    "a ragged array": (DOUBLED, {}, {"luma": [[1], [1, 2]]}, "the array luma is not numeric"),
    "an array with a hole": (
        DOUBLED,
        {},
        {"luma": np.array([0.0] * 4 + [np.nan] * 4).reshape(2, 1, 2, 2)},
        "the array luma has a value that is not finite in row 1",
    ),
    "a null": (SUM, ORDER, {"a": [None], "b": [1.0]}, "column a, which m_v1 takes, is NaN, infinite or null in 1 rows"),
    "different lengths": (SUM, ORDER, {"a": [1.0], "b": [1.0, 2.0]}, "have different lengths: a 1, b 2"),
    "no rows": (SUM, ORDER, {"a": [], "b": []}, "m_v1 takes one or more rows"),
    "no array": (ONE, {}, {"a": [1.0]}, r"m_v1 needs the array luma \[N, 1, H, W\]"),
    "another shape": (DOUBLED, {}, {"luma": np.zeros((1, 1, 3, 2))}, r"has the shape \[1, 1, 3, 2\]; m_v1 takes"),
    "another rank": (DOUBLED, {}, {"luma": np.zeros((2, 2))}, r"has the shape \[2, 2\]; m_v1 takes \[N, 1, 2, 2\]"),
    "as many arrays as rows": (TWO, ORDER, {**ROWS, "codec": [[1, 1]]}, "features has 2, codec has 1"),
}


@pytest.mark.parametrize(("text", "said", "rows", "told"), REFUSED.values(), ids=REFUSED)
def test_what_a_model_cannot_take_is_refused_in_one_line(text, said, rows, told):
    with pytest.raises(TableError, match=told) as refused:
        opened(text, said).predict(rows)
    assert "\n" not in str(refused.value)


def test_a_graph_that_takes_three_rows_and_no_others_is_not_run():
    with pytest.raises(RegistryError, match="takes batches of 3 rows and no others"):
        opened(THREE, ORDER).predict({"a": [1.0] * 3, "b": [1.0] * 3})
