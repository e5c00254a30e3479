"""What a recipe refuses, and what its fingerprint covers."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyai_registry.errors import RecipeError
from tinyai_registry.recipe import (
    MLP,
    Adam,
    AdamW,
    CardText,
    Constant,
    Criterion,
    Ensemble,
    GroupKFold,
    HeldOut,
    Input,
    Int8,
    KFold,
    LeaveOneGroupOut,
    Log,
    OneHot,
    PredefinedSplit,
    Protocol,
    Recipe,
    Scaled,
    Where,
    criterion_of,
    decisive,
    fingerprint,
)

RECIPE = Recipe(
    id="golden_v1",
    kind="fr",
    inputs=(Input("left", ("a", "b")), Input("right", ("c",))),
    target="score",
    target_range=(1.0, 5.0),
    key=("clip", "frame"),
    group="source",
    clip="clip",
    dataset="somewhere",
    folds=LeaveOneGroupOut(),
    criteria=(Criterion("plcc", "mean", ">=", 0.95),),
    license="MIT",
    dataset_license="CC0-1.0",
    decision="ADR-0001",
    card=CardText("Golden", "It is golden.", "Tests.", "It never leaves."),
    architecture=MLP((64, 64), dropout=0.1),
    training=AdamW(learning_rate=1e-3, weight_decay=1e-5, batch_size=256, epochs=30),
)

# Spelt out by hand: what a reader of a sidecar would hash. Changing it orphans every published release.
GOLDEN = (
    '{"architecture":{"MLP":{"dropout":0.1,"hidden":[64,64]}},"clip":"clip",'
    '"criteria":[{"aggregate":"mean","metric":"plcc","relation":">=","threshold":0.95}],'
    '"dataset":"somewhere","folds":{"LeaveOneGroupOut":{}},"group":"source","id":"golden_v1",'
    '"inputs":[{"columns":["a","b"],"tensor":"left"},{"columns":["c"],"tensor":"right"}],'
    '"key":["clip","frame"],"target":"score","target_range":[1.0,5.0],'
    '"training":{"AdamW":{"batch_size":256,"epochs":30,"learning_rate":0.001,"weight_decay":1e-05}}}'
)
GOLDEN_FINGERPRINT = "af62c523c2b47ab54bff5036782bbaca978684261b415fc4b89ae91b06e26994"


def print_of(recipe):
    return fingerprint(decisive(recipe))


CONTRADICTIONS = {
    "an id with capitals": ({"id": "Golden"}, r"recipe id 'Golden' must match"),
    "an id with a dot": ({"id": "golden.v1"}, "recipe id"),
    "an id that is a path": ({"id": "../golden"}, "recipe id"),
    "an id that ends in a newline": ({"id": "golden_v1\n"}, "recipe id"),
    "an empty id": ({"id": ""}, "recipe id"),
    "an id that starts with an underscore": ({"id": "_golden"}, "recipe id"),
    "an id of 65 characters": ({"id": "g" * 65}, "recipe id"),
    "an id that starts with a digit": ({"id": "3d_v1"}, "recipe id"),
    "the id of the score": ({"id": "vmaf"}, "recipe id 'vmaf' will not do: libvmaf logs a score or a feature under"),
    "the id of a feature": ({"id": "integer_adm2"}, "recipe id 'integer_adm2' will not do"),
    "a feature that needs an escape": (
        {"inputs": (Input("x", ("a", "höhe")),)},
        r"feature columns \['höhe'\] are written with escapes, which the C runtime does not know; rename them",
    ),
    "a feature with a quote": ({"inputs": (Input("x", ('a"b',)),)}, "are written with escapes"),
    "a feature with a backslash": ({"inputs": (Input("x", ("a\\b",)),)}, "are written with escapes"),
    "an unknown kind": ({"kind": "audio"}, "kind 'audio' is none of fr, nr, filter"),
    "members whose ids are too long": (
        {"id": "a" * 60, "ensemble": Ensemble(2, separate=True)},
        r"its members would be called a{60}_seed0 and so on, which is too long",
    ),
    "no input": ({"inputs": ()}, "declares no input"),
    "an input without columns": ({"inputs": (Input("left", ()),)}, "declares no input"),
    "two inputs of one name": (
        {"inputs": (Input("x", ("a",)), Input("x", ("b",)))},
        "two tensors share a name",
    ),
    "an output named like an input": ({"output": "left"}, "two tensors share a name"),
    "a column in one input twice": ({"inputs": (Input("x", ("a", "a")),)}, "a feature column is named twice"),
    "a column in two inputs": (
        {"inputs": (Input("x", ("a",)), Input("y", ("a",)))},
        "a feature column is named twice",
    ),
    "a target among the features": ({"target": "a"}, "the target is also a feature"),
    "an empty target range": ({"target_range": (5.0, 5.0)}, r"target_range \(5.0, 5.0\) is empty"),
    "a target range upside down": ({"target_range": (5.0, 1.0)}, "is empty"),
    "a target range of NaN": ({"target_range": (0.0, float("nan"))}, "target_range"),
    "an endless target range": ({"target_range": (0.0, float("inf"))}, "target_range"),
    "one feature, layer-normalised": (
        {"inputs": (Input("x", ("a",)),), "architecture": MLP((4,), layer_norm=True)},
        "layer normalisation takes two or more features",
    ),
    "a layer normalisation before opset 17": (
        {"opset": 16, "architecture": MLP((4,), layer_norm=True)},
        "layer normalisation takes two or more features, and opset 17 or later",
    ),
    "no key": ({"key": ()}, "declares no key column"),
    "a key without its comma": ({"key": "clip"}, r"Recipe\.key must be a tuple, not 'clip'"),
    "criteria in a list": ({"criteria": list(RECIPE.criteria)}, r"Recipe\.criteria must be a tuple"),
    "two derived columns of one name": (
        {"derived": (Constant("a", 1.0), Log("a", of="z"))},
        "two derived columns share a name",
    ),
    "an unknown slot that no input has": (
        {"derived": (OneHot("codec", ("x264",), unknown=True),)},
        "an unknown slot takes every column of its one-hot among the features",
    ),
    "an unknown batch": ({"batch": "two"}, "batch 'two' is neither 'dynamic' nor 'one'"),
    "an output of rank 3": ({"output_rank": 3}, "output_rank 3 is neither 1 nor 2"),
    "a row condition without its comma": ({"rows": Where("a", ">", 1)}, r"Recipe\.rows must be a tuple"),
    "a twin without its comma": ({"twins": Int8()}, r"Recipe\.twins must be a tuple"),
    "two twins": (
        {"twins": (Int8(), Int8("dynamic"))},
        "declares 2 int8 twins, which would all be golden_v1.int8.onnx",
    ),
    "no criterion": ({"criteria": ()}, "declares no criterion, so every model would pass"),
    "a criterion over seeds without an ensemble": (
        {"criteria": (Criterion("plcc", "min", ">=", 0.9, part="seeds"),)},
        "min PLCC over seeds >= 0.9: the recipe declares no ensemble",
    ),
    "two protocols of one name": (
        {"protocols": (Protocol("twice", KFold(2)), Protocol("twice", KFold(3)))},
        "two protocols share a name",
    ),
    "a protocol's criterion on a test split that it does not set aside": (
        {"protocols": (Protocol("p", KFold(2), criteria=(Criterion("plcc", "mean", ">=", 0.9, part="test"),)),)},
        "PLCC on the test split >= 0.9: KFold sets no test split aside",
    ),
}


@pytest.mark.parametrize(("changes", "message"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_recipe_with_this_is_refused(changes, message):
    with pytest.raises(RecipeError, match=message) as refused:
        replace(RECIPE, **changes)
    assert "\n" not in str(refused.value)


BAD_PARTS = {
    "a network without hidden layers": (lambda: MLP(()), "MLP.hidden must be one or more positive widths"),
    "a hidden layer of no units": (lambda: MLP((64, 0)), "MLP.hidden must be one or more positive widths"),
    "a dropout of everything": (lambda: MLP((64,), dropout=1.0), "MLP.dropout must lie in"),
    "a negative dropout": (lambda: MLP((64,), dropout=-0.1), "MLP.dropout must lie in"),
    "a dropout of NaN": (lambda: MLP((64,), dropout=float("nan")), "MLP.dropout must lie in"),
    "an unknown activation": (lambda: MLP((64,), "gelo"), "gelo"),
    "an unknown output activation": (
        lambda: MLP((64,), output_activation="relu6"),
        r"MLP\.output_activation is 'relu6'",
    ),
    "two output activations": (
        lambda: MLP((64,), bounded=True, output_activation="sigmoid"),
        r"MLP\.bounded is an output activation of its own",
    ),
    "Adam in batches of nothing": (lambda: Adam(1e-3, 0.0, 0, 30), "Adam takes a positive batch_size"),
    "columns without their comma": (lambda: Input("x", "luma"), r"Input\.columns must be a tuple, not 'luma'"),
    "a width without its comma": (lambda: MLP(64), r"MLP\.hidden must be a tuple, not 64"),
    "one fold": (lambda: KFold(1), r"KFold\.folds must be two or more, not 1"),
    "an unknown relation": (lambda: Criterion("plcc", "mean", "=>", 0.95), "=>"),
    "an unknown aggregate": (lambda: Criterion("plcc", "average", ">=", 0.95), "average"),
    "a threshold of NaN": (lambda: Criterion("plcc", "mean", ">=", float("nan")), "nan"),
    "batches of nothing": (lambda: AdamW(1e-3, 0.0, 0, 30), "batch_size"),
    "an unknown row relation": (lambda: Where("a", "~", "b"), "Where.relation is '~'"),
    "an order of texts": (lambda: Where("a", "<", "b"), "Where compares texts by ==, !=, in"),
    "one value for in": (lambda: Where("a", "in", "b"), "Where takes a tuple of values with 'in', else one value"),
    "several values for ==": (lambda: Where("a", "==", ("b",)), "Where takes a tuple of values with 'in'"),
    "no value for in": (lambda: Where("a", "in", ()), "Where takes a tuple of values"),
    "texts and numbers": (lambda: Where("a", "in", ("b", 1.0)), "Where takes texts or numbers, not both"),
    "rows of NaN": (lambda: Where("a", "==", float("nan")), "Where compares with a text or a number, not with nan"),
    "rows of True": (lambda: Where("a", "==", True), "Where compares with a text or a number, not with True"),
    "a scale of no width": (lambda: Scaled("a", "b", 1, 1), "Scaled.high must lie above Scaled.low"),
    "a scale upside down": (lambda: Scaled("a", "b", 2, 1), "Scaled.high must lie above Scaled.low"),
    "a constant of NaN": (lambda: Constant("a", float("nan")), "Constant.value must be a number"),
    "a one-hot of nothing": (lambda: OneHot("a", ()), r"OneHot\('a'\) must list one or more values, each once"),
    "a one-hot of a value twice": (lambda: OneHot("a", ("b", "b")), "each once"),
    "a one-hot with two unknowns": (lambda: OneHot("a", ("unknown",), unknown=True), "each once"),
    "unknown rows without a slot": (lambda: OneHot("a", ("b",), unknown_share=0.1), "say unknown=True"),
    "nothing but unknown rows": (lambda: OneHot("a", ("b",), True, 1.0), r"OneHot.unknown_share must lie in \[0, 1\)"),
    "a sidecar key with blanks": (lambda: Constant("a", 1, "codec preset"), "sidecar_key 'codec preset' must match"),
    "a twin of another mode": (lambda: Int8("qat"), "Int8.mode is 'qat'"),
    "a layer that has no name": (lambda: Int8(in_float=("middle",)), "the layers that it may name are"),
    "layers without their comma": (lambda: Int8(in_float="last"), r"Int8\.in_float must be a tuple"),
    "a twin calibrated on nothing": (lambda: Int8(calibrate=0), "Int8.calibrate must be one row or more"),
    "a twin that may lose all": (lambda: Int8(budget=1.0), "Int8.budget must lie between 0 and 1, not 1.0"),
    "a twin whose budget is NaN": (lambda: Int8(worst=float("nan")), "Int8.worst must lie between 0 and 1, not nan"),
    "no epochs": (lambda: AdamW(1e-3, 0.0, 256, 0), "epochs"),
}


@pytest.mark.parametrize(("make", "message"), BAD_PARTS.values(), ids=BAD_PARTS)
def test_a_part_with_this_is_refused(make, message):
    with pytest.raises(RecipeError, match=message):
        make()


@pytest.mark.parametrize("criteria", [("mean", ">="), ("min", ">="), ("max", "<=")])
@pytest.mark.parametrize("good", ["g", "a0", "fr_regressor_v1", "g" * 64])
def test_a_recipe_without_contradictions_is_taken(good, criteria):
    recipe = replace(RECIPE, id=good, criteria=(Criterion("plcc", *criteria, 0.5),))
    assert recipe.feature_order == ("a", "b", "c")


def test_the_columns_of_a_recipe_are_named_once_each():
    assert RECIPE.columns == ("clip", "frame", "source", "a", "b", "c", "score")


def test_the_fingerprint_of_a_fixed_recipe_never_changes():
    assert json.loads(GOLDEN) == decisive(RECIPE)
    assert hashlib.sha256(GOLDEN.encode()).hexdigest() == GOLDEN_FINGERPRINT
    assert print_of(RECIPE) == GOLDEN_FINGERPRINT


def test_numbers_that_are_equal_have_one_fingerprint():
    whole, real = (replace(RECIPE, rows=(Where("a", "in", (one, 2)),)) for one in (1, 1.0))
    assert print_of(whole) == print_of(real) != print_of(RECIPE)


def test_what_is_derived_is_not_read_and_what_it_comes_from_and_what_chooses_rows_is():
    derived = (Scaled("a", of="z", low=0, high=9), Log("b", of="a"), Constant("c", 1.0))
    recipe = replace(RECIPE, derived=derived, rows=(Where("codec", "==", "x264"),))
    assert recipe.columns == ("clip", "frame", "source", "z", "codec", "score")


def test_a_fingerprint_can_be_recomputed_from_json_whatever_the_order_of_its_keys():
    document = json.loads(json.dumps(decisive(RECIPE)))
    assert fingerprint(dict(reversed(document.items()))) == GOLDEN_FINGERPRINT


DESCRIPTIVE = {
    "license": "ISC",
    "dataset_license": "none",
    "decision": "ADR-9999",
    "card": CardText("Other", "words", "on the", "card."),
}


@pytest.mark.parametrize(("field", "value"), DESCRIPTIVE.items(), ids=DESCRIPTIVE)
def test_a_descriptive_field_does_not_change_the_fingerprint(field, value):
    assert field not in decisive(RECIPE)
    assert print_of(replace(RECIPE, **{field: value})) == GOLDEN_FINGERPRINT


DECISIVE = {
    "id": "golden_v2",
    "inputs in another order": {"inputs": RECIPE.inputs[::-1]},
    "columns in another order": {"inputs": (Input("left", ("b", "a")), Input("right", ("c",)))},
    "columns cut otherwise": {"inputs": (Input("left", ("a",)), Input("right", ("b", "c")))},
    "a renamed input": {"inputs": (Input("links", ("a", "b")), Input("right", ("c",)))},
    "target": "mos",
    "target_range": (0.0, 5.0),
    "key": ("clip",),
    "group": "clip",
    "clip": "source",
    "dataset": "elsewhere",
    "folds": KFold(5),
    "criteria": (Criterion("plcc", "mean", ">=", 0.94),),
    "the relation of a criterion": {"criteria": (Criterion("plcc", "mean", "<=", 0.95),)},
    "one more criterion": {"criteria": (*RECIPE.criteria, Criterion("rmse", "max", "<=", 5.0))},
    "architecture": MLP((64, 32), dropout=0.1),
    "activation": {"architecture": MLP((64, 64), "relu", 0.1)},
    "no architecture": {"architecture": None},
    "training": AdamW(1e-3, 1e-5, 256, 31),
    "another optimiser": {"training": Adam(1e-3, 1e-5, 256, 30)},
    "layer normalisation": {"architecture": MLP((64, 64), dropout=0.1, layer_norm=True)},
    "output activation": {"architecture": MLP((64, 64), dropout=0.1, output_activation="softplus")},
    "seed": 1,
    "output": "mos",
    "opset": 18,
    "scaler_in_graph": True,
    "rows": (Where("codec", "==", "x264"),),
    "an input that is not standardised": {"inputs": (RECIPE.inputs[0], Input("right", ("c",), standardise=False))},
    "derived": (Constant("c", 1.0),),
    "batch": "one",
    "output_rank": 2,
    "twins": (Int8(),),
}
CHANGES = {name: value if isinstance(value, dict) else {name: value} for name, value in DECISIVE.items()}


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_a_decisive_field_changes_the_fingerprint(changes):
    assert print_of(replace(RECIPE, **changes)) != GOLDEN_FINGERPRINT


def test_no_two_of_these_recipes_share_a_fingerprint():
    assert len({print_of(replace(RECIPE, **changes)) for changes in CHANGES.values()}) == len(CHANGES)


def test_kfold_and_its_seed_are_told_apart():
    prints = {print_of(replace(RECIPE, folds=scheme)) for scheme in (KFold(3), KFold(3, 1), KFold(4))}
    assert len(prints) == 3


def test_a_field_at_its_default_is_left_out():
    explicit = MLP((64, 64), activation="gelu", dropout=0.1)
    spelt_out = replace(RECIPE, seed=0, output="score", opset=17, scaler_in_graph=False, architecture=explicit)
    document = decisive(spelt_out)
    assert not {"seed", "output", "opset", "scaler_in_graph"} & set(document)
    assert document["architecture"] == {"MLP": {"hidden": [64, 64], "dropout": 0.1}}
    assert fingerprint(document) == GOLDEN_FINGERPRINT


@pytest.mark.parametrize("kind", ["fr", "nr", "filter"])
def test_the_kind_is_left_out_for_the_c_reader_finds_the_first_one(kind):
    document = decisive(replace(RECIPE, kind=kind))
    assert '"kind"' not in json.dumps(document)
    assert fingerprint(document) == GOLDEN_FINGERPRINT


def test_equal_recipes_have_equal_fingerprints():
    same = replace(RECIPE, target_range=(1, 5))
    assert same == RECIPE
    assert print_of(same) == GOLDEN_FINGERPRINT


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 2**63))
def test_a_fingerprint_survives_a_round_trip_through_json(threshold, seed):
    recipe = replace(RECIPE, criteria=(Criterion("plcc", "mean", ">=", threshold),), seed=seed)
    assert fingerprint(json.loads(json.dumps(decisive(recipe)))) == print_of(recipe)


@pytest.mark.parametrize(
    ("criterion", "words"),
    [
        (Criterion("plcc", "mean", ">=", 0.95), "mean PLCC over folds >= 0.95"),
        (Criterion("rmse", "max", "<=", 5.0), "max RMSE over folds <= 5"),
        (Criterion("mae", "min", ">=", 1e-7), "min MAE over folds >= 1e-07"),
    ],
)
def test_a_criterion_reads_as_a_sentence(criterion, words):
    assert str(criterion) == words


# --- schemes, protocols and criteria of later recipes

EVERY_CRITERION = [
    Criterion("plcc", aggregate, relation, threshold, part, against)
    for aggregate in ("mean", "min", "max", "spread", "median")
    for relation in (">=", "<=")
    for threshold in (0.95, -0.005, 20.0, 0.123456789)
    for part in ("folds", "test", "in-sample", "seeds", "artifacts")
    for against in (None, "difference", "ratio", "previous")
    if not (part in ("test", "in-sample") and aggregate != "mean")
    if not (part == "seeds" and against in ("difference", "ratio"))
    if not (part == "artifacts" and against)
]


def test_the_words_of_every_criterion_are_read_back_as_the_same_criterion():
    assert [criterion_of(str(criterion)) for criterion in EVERY_CRITERION] == EVERY_CRITERION


@pytest.mark.parametrize("words", ["", "mean PLCC", "mean PLCC over planets >= 1", "mean PLCC over folds > 1"])
def test_other_words_are_no_criterion(words):
    assert criterion_of(words) is None


@pytest.mark.parametrize(
    ("scheme", "plain"),
    {
        LeaveOneGroupOut(by="corpus"): {"LeaveOneGroupOut": {"by": "corpus"}},
        GroupKFold(3, within=Where("corpus", "==", "a")): {
            "GroupKFold": {"folds": 3, "within": {"column": "corpus", "relation": "==", "value": "a"}}
        },
        PredefinedSplit("split", test=None): {"PredefinedSplit": {"column": "split", "test": None}},
        HeldOut(LeaveOneGroupOut()): {"HeldOut": {"within": {"LeaveOneGroupOut": {}}}},
    }.items(),
    ids=str,
)
def test_a_scheme_is_written_by_its_name_and_what_differs_from_the_default(scheme, plain):
    assert decisive(replace(RECIPE, folds=scheme))["folds"] == plain


def test_the_columns_that_schemes_name_are_read():
    within = Where("corpus", "==", "a")
    folds = HeldOut(LeaveOneGroupOut(by="scene", within=within))
    recipe = replace(RECIPE, folds=folds, protocols=(Protocol("given", PredefinedSplit("split")),))
    assert recipe.cut_by == ("scene", "corpus", "split")
    assert set(recipe.cut_by) <= set(recipe.columns)


def test_a_protocol_is_decisive_where_it_has_criteria():
    plain = Protocol("by corpus", LeaveOneGroupOut(by="corpus"))
    gated = replace(plain, criteria=RECIPE.criteria)
    assert print_of(replace(RECIPE, protocols=(plain,))) == GOLDEN_FINGERPRINT
    assert print_of(replace(RECIPE, protocols=(gated,))) != GOLDEN_FINGERPRINT
    assert decisive(replace(RECIPE, protocols=(plain, replace(gated, name="gated"))))["protocols"] == [
        {
            "name": "gated",
            "scheme": {"LeaveOneGroupOut": {"by": "corpus"}},
            "criteria": [{"aggregate": "mean", "metric": "plcc", "relation": ">=", "threshold": 0.95}],
        }
    ]


@pytest.mark.parametrize(
    "criterion",
    [
        lambda: Criterion("plcc", "mean", ">=", 0.0, part="seeds", against="difference"),
        lambda: Criterion("bytes", "max", "<=", 0.0, part="artifacts", against="previous"),
        lambda: Protocol("p", KFold(2), criteria=(Criterion("plcc", "mean", ">=", 0.0, against="previous"),)),
        lambda: PredefinedSplit("split", train="test"),
    ],
)
def test_what_could_never_be_judged_is_refused_at_the_declaration(criterion):
    with pytest.raises(RecipeError):
        criterion()
