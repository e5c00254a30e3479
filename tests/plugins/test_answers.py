"""What a hook may answer, and what it may not."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tinyai_registry import Criterion, Description, Imported, Tensor
from tinyai_registry.errors import PluginError
from tinyai_registry.plugins.answers import check_answer


class Model:
    standardisation = None

    def predict(self, inputs):
        """Never asked here."""


class ModelProto:
    """Stands in for ONNX's, which is known by its name alone."""


class Array:
    """Stands in for numpy's, which is known by its shape alone."""

    def __init__(self, *shape):
        self.shape = shape

    def __len__(self):
        return self.shape[0]


LUMA = SimpleNamespace(tensors=(Tensor("luma", (1, 8, 8)),))
TWO = {"fits": [0, 1], "held_out": [0, 1], "rows": [0, 1], "target": Array(2, 1, 8, 8), "recipe": LUMA}
GOOD = {
    "tinyai_recipes": ([], ()),
    "tinyai_imports": ([], (Imported("up_v1", "fr", "MIT", "https://example.org", "up"),)),
    "tinyai_train": ([Model(), Model()], (Model(), Model())),
    "tinyai_inputs": ({"luma": Array(2, 1, 8, 8)}, {"luma": Array(2, 1, 8, 8), "more": Array(1)}),
    "tinyai_measure": ({"gain": Array(2)}, {"gain": Array(2), "loss": Array(2)}),
    "tinyai_evaluate": ([{}, {}], [{"mae": 1}, {"mae": float("nan"), "worst": 2.5}]),
    "tinyai_gate": ([], [Criterion("plcc", "mean", ">=", 0.5)]),
    "tinyai_export": ({}, {"a_v1": ModelProto()}),
    "tinyai_describe": (Description(), Description(sections={"A": "b."}), Description({"a": 1}, {"type": "object"})),
}
BAD = {
    "recipes in a string": ("tinyai_recipes", "duo_v1", "returned str, not a list of recipes"),
    "recipes in a set": ("tinyai_recipes", set(), "returned set, not a list of recipes"),
    "something else than a recipe": ("tinyai_recipes", [1], "returned a list with int in it, not Recipe"),
    "something else than an import": ("tinyai_imports", [1], "returned a list with int in it, not Imported"),
    "a model too few": ("tinyai_train", [Model()], "returned 1 trained models, one for each fit, not 2"),
    "a model too many": ("tinyai_train", [Model()] * 3, "returned 3 trained models, one for each fit, not 2"),
    "a model that cannot predict": ("tinyai_train", [Model(), object()], "returned object, which lacks predict"),
    "a generator of models": ("tinyai_train", (Model() for _ in range(2)), "returned generator, not a list"),
    "a tensor alone": ("tinyai_inputs", Array(2, 1, 8, 8), "returned Array, not a mapping of tensors to arrays"),
    "no tensor": ("tinyai_inputs", {}, "returned nothing, and not the tensor luma"),
    "another tensor": ("tinyai_inputs", {"chroma": Array(2, 1, 8, 8)}, "returned chroma, and not the tensor luma"),
    "a tensor of one row": ("tinyai_inputs", {"luma": Array(1, 1, 8, 8)}, "the shape (1, 1, 8, 8), not (2, 1, 8, 8)"),
    "a tensor that is none": ("tinyai_inputs", {"luma": [[0.0]]}, "the tensor luma with the shape None"),
    "nothing measured": ("tinyai_measure", {}, "returned dict, not a mapping of one or more metrics"),
    "one value for all rows": ("tinyai_measure", {"gain": 1.0}, "and not one value of it for each row"),
    "a value too few": ("tinyai_measure", {"gain": Array(1)}, "and not one value of it for each row"),
    "a measure that the core computes": ("tinyai_measure", {"plcc": Array(2)}, "the metric 'plcc'; that name is taken"),
    "metrics of one fold": ("tinyai_evaluate", [{}], "returned 1 mappings, one for each fold, not 2"),
    "metrics that are no mapping": ("tinyai_evaluate", [1.0, 2.0], "returned a list with float in it, not a mapping"),
    **{
        f"the metric {name!r}": ("tinyai_evaluate", [{name: 1.0}, {}], f"returned the metric {name!r}; that name is")
        for name in (
            "plcc",
            "srocc",
            "krocc",
            "rmse",
            "group",
            "rows",
            "clips",
            "tied_targets",
            "undefined",
            "a b",
            "",
            5,
        )
    },
    "a metric of words": ("tinyai_evaluate", [{"mae": "low"}, {}], "returned str for the metric 'mae', not a number"),
    "a metric of None": ("tinyai_evaluate", [{"mae": None}, {}], "returned NoneType for the metric 'mae'"),
    "a criterion in words": ("tinyai_gate", ["be good"], "returned a list with str in it, not Criterion"),
    "one criterion": ("tinyai_gate", Criterion("plcc", "mean", ">=", 0.5), "returned Criterion, not a list"),
    "a list of graphs": ("tinyai_export", [ModelProto()], "returned list, not a mapping of names to ONNX models"),
    "bytes for a graph": ("tinyai_export", {"a_v1": b"x"}, "returned bytes under 'a_v1', not an ONNX ModelProto"),
    "a graph under a number": ("tinyai_export", {1: ModelProto()}, "returned ModelProto under 1, not"),
    "a dictionary for a description": ("tinyai_describe", {"extra": {}}, "returned dict, not Description"),
    "extra that nobody can check": ("tinyai_describe", Description({"a": 1}), "extra fields without a schema"),
}


@pytest.mark.parametrize(("hook", "answer"), [(hook, each) for hook, answers in GOOD.items() for each in answers])
def test_an_answer_as_asked_for_is_taken(hook, answer):
    check_answer(hook, answer, TWO)


@pytest.mark.parametrize(("hook", "answer", "told"), BAD.values(), ids=BAD)
def test_another_answer_is_refused_in_one_line(hook, answer, told):
    with pytest.raises(PluginError) as refused:
        check_answer(hook, answer, TWO)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_every_hook_has_its_check():
    from tinyai_registry.plugins.discovery import HOOKS

    assert set(GOOD) == {hook for hook, _, _ in BAD.values()} == set(HOOKS)
