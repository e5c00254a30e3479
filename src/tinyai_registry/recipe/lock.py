"""The recipe lock: a refresh keeps the recipe of the registered release, or does not happen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tinyai_registry.errors import RecipeChangedError
from tinyai_registry.recipe import Recipe, decisive, fingerprint

# Stands for a field that has its default.
ABSENT = object()


def check(recipe: Recipe, sidecar: Mapping[str, Any] | None) -> tuple[str, ...] | None:
    """Whether the registered ``sidecar`` was made with ``recipe``.

    Returns None where its fingerprint says so. A sidecar from before fingerprints is adopted: the fields on which
    it was found to agree are returned. Raises RecipeChangedError with a field-by-field difference otherwise.
    """
    if sidecar is not None and "recipe_fingerprint" in sidecar:
        embedded = decisive(recipe)
        registered = sidecar.get("recipe", {})
        differences = [*_differences("kind", sidecar.get("kind"), recipe.kind)]
        if sidecar["recipe_fingerprint"] != fingerprint(embedded):
            differences += _differences("", registered, embedded)
            differences = differences or ["recipe_fingerprint: not that of the recipe beside it"]
        _refuse(recipe, differences)
        return None
    known = dict(_known_fields(recipe, sidecar or {}))
    _refuse(recipe, [d for key, (old, new) in known.items() for d in _differences(key, old, new)])
    return tuple(known)


def _known_fields(recipe: Recipe, sidecar: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Any, Any]]]:
    declared: dict[str, Any] = {
        "kind": recipe.kind,
        "feature_order": _feature_order(recipe, sidecar),
        "input_name": recipe.inputs[0].tensor,
        "input_names": [i.tensor for i in recipe.inputs],
        "output_name": recipe.output,
        "output_names": [recipe.output],
        "opset": recipe.opset,
        "onnx_opset": recipe.opset,
        **recipe.announced,
    }
    for key, value in declared.items():
        if key in sidecar:
            yield key, (sidecar[key], value)


def _feature_order(recipe: Recipe, sidecar: Mapping[str, Any]) -> list[str]:
    """Of several inputs some sidecars list the columns of all, others those of the first."""
    everything, first = list(recipe.feature_order), list(recipe.inputs[0].columns)
    return everything if sidecar.get("feature_order") == everything else first


def _refuse(recipe: Recipe, differences: list[str]) -> None:
    if differences:
        raise RecipeChangedError(
            f"the recipe of {recipe.id} differs from the registered one: {'; '.join(differences)}. "
            "Such a change is a decision of its own: give the model a new id, or restore the recipe"
        )


def _differences(where: str, old: Any, new: Any) -> Iterator[str]:
    for at, before, now in list_changes(old, new, where):
        yield f"{at}: {_word(before)} registered, {_word(now)} now"


def list_changes(old: Any, new: Any, where: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where two recipes differ, as sidecars embed them: the field, and what each has there, or ``ABSENT``."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            inner = f"{where}.{key}" if where else key
            yield from list_changes(old.get(key, ABSENT), new.get(key, ABSENT), inner)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (before, now) in enumerate(zip(old, new, strict=True)):
            yield from list_changes(before, now, f"{where}[{index}]")
    elif old != new:
        yield where, old, new


def _word(value: Any) -> str:
    return "default" if value is ABSENT else str(value)
