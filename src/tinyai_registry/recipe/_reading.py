"""The recipe of a sidecar: what the fingerprint covers, made into nouns again."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints

from tinyai_registry.errors import RecipeError
from tinyai_registry.recipe._declaration import CardText, Recipe
from tinyai_registry.recipe._fingerprint import UNTAGGED
from tinyai_registry.recipe._quantisation import Int8

# What is not decisive, and stands elsewhere in a sidecar if at all.
_UNSAID: Mapping[str, Any] = {
    "license": "",
    "dataset_license": "",
    "decision": "",
    "card": CardText("", "", "", ""),
}


def recipe_of(embedded: Mapping[str, Any], kind: str) -> Recipe:
    """The recipe that a sidecar of ``kind`` embeds; its descriptive fields are empty or have their default.

    It has the fingerprint of the one that was written. Raises RecipeError where ``embedded`` is no recipe of this
    version.
    """
    try:
        return Recipe(**_UNSAID, **_fields(Recipe, {**embedded, "kind": kind}))
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise RecipeError(f"the embedded recipe is none that this version knows: {error}") from error


def twins_of(embedded: Mapping[str, Any]) -> tuple[Int8, ...]:
    """The int8 twins of a recipe that a sidecar embeds, whatever else it says. Raises RecipeError if they are none."""
    try:
        found: tuple[Int8, ...] = _value(tuple[Int8, ...], embedded.get("twins", []))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RecipeError(f"its twins are none that this version knows: {error}") from error
    return found


def _fields(noun: type[Any], found: Mapping[str, Any]) -> dict[str, Any]:
    hints = get_type_hints(noun)
    return {name: _value(hints[name], value) for name, value in found.items()}


def _value(hint: Any, value: Any) -> Any:
    """``value``, as JSON has it, as the type ``hint`` has it."""
    if isinstance(value, list):
        return tuple(_value(each, item) for each, item in zip(_of_items(hint, len(value)), value, strict=True))
    alternatives = _alternatives(hint)
    nouns = {each.__name__: each for each in alternatives if isinstance(each, type) and is_dataclass(each)}
    if not isinstance(value, dict):
        if nouns and value is not None and type(value) not in alternatives:
            raise TypeError(f"{value!r} stands where {' or '.join(nouns)} should")
        return value
    if len(value) == 1 and (tag := next(iter(value))) in nouns:
        return nouns[tag](**_fields(nouns[tag], value[tag]))
    [untagged] = [each for each in nouns.values() if each in get_args(UNTAGGED)]
    return untagged(**_fields(untagged, value))


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _of_items(hint: Any, count: int) -> Sequence[Any]:
    """The types of the ``count`` items of the tuple that ``hint`` is, or allows."""
    [items] = [get_args(each) for each in _alternatives(hint) if get_origin(each) is tuple]
    return [items[0]] * count if items[-1] is ... else items
