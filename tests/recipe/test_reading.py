"""A recipe that went through a sidecar is the recipe that it was."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from recipes import recipes

from tinyai_registry.documents import strict_json
from tinyai_registry.errors import RecipeError
from tinyai_registry.recipe import decisive, fingerprint, recipe_of


@given(recipes())
@settings(max_examples=100)
def test_every_recipe_survives_the_sidecar_byte_for_byte(recipe):
    written = strict_json.dumps({"recipe": decisive(recipe)})
    again = recipe_of(strict_json.loads(written.encode(), "a sidecar")["recipe"], recipe.kind)
    assert strict_json.dumps({"recipe": decisive(again)}) == written
    assert fingerprint(decisive(again)) == fingerprint(decisive(recipe))
    said = {name: getattr(recipe, name) for name in ("license", "dataset_license", "decision", "card", "protocols")}
    assert replace(again, **said) == recipe


@given(recipes())
@settings(max_examples=20)
def test_what_no_version_ever_wrote_is_refused_in_one_sentence(recipe):
    embedded = json.loads(json.dumps(decisive(recipe)))
    for strange in ({"folds": {"ByMoonlight": {}}}, {"hue": 1}, {"criteria": [7]}, {"inputs": []}):
        with pytest.raises(RecipeError) as refused:
            recipe_of({**embedded, **strange}, recipe.kind)
        assert "\n" not in str(refused.value)


def test_a_recipe_without_a_field_that_every_recipe_has_is_refused():
    with pytest.raises(RecipeError, match="the embedded recipe is none that this version knows"):
        recipe_of({"id": "random_v1", "folds": {"LeaveOneGroupOut": {}}}, "fr")
