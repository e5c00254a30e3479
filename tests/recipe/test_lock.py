"""The recipe lock tells every difference, field by field."""

from __future__ import annotations

import pytest

from tinyai_registry import MLP, CardText, Criterion, Input, LeaveOneGroupOut, Recipe
from tinyai_registry.errors import RecipeChangedError
from tinyai_registry.recipe import decisive, fingerprint
from tinyai_registry.recipe.lock import check

RECIPE = Recipe(
    id="golden_v1",
    kind="fr",
    inputs=(Input("left", ("a", "b")),),
    target="score",
    target_range=(1.0, 5.0),
    key=("clip",),
    group="source",
    clip="clip",
    dataset="somewhere",
    folds=LeaveOneGroupOut(),
    criteria=(Criterion("plcc", "mean", ">=", 0.95),),
    license="MIT",
    dataset_license="CC0-1.0",
    decision="ADR-0001",
    card=CardText("Golden", "It is golden.", "Tests.", "It never leaves."),
    architecture=MLP((64, 64)),
)


def registered(**changes):
    recipe = {**decisive(RECIPE), **changes}
    return {"kind": "fr", "recipe": recipe, "recipe_fingerprint": fingerprint(recipe)}


def test_the_same_recipe_is_taken():
    assert check(RECIPE, registered()) is None


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"target": "other"}, "target: other registered, score now"),
        ({"note": "not set"}, "note: not set registered, default now"),
        ({"note": None}, "note: None registered, default now"),
        (
            {"architecture": {"MLP": {"hidden": [64, 64], "norm": "default"}}},
            "architecture.MLP.norm: default registered",
        ),
    ],
)
def test_another_recipe_is_refused_and_the_field_is_named(changes, told):
    with pytest.raises(RecipeChangedError) as refused:
        check(RECIPE, registered(**changes))
    assert told in str(refused.value)
