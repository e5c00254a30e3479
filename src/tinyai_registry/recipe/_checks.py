"""Checks that the nouns of a recipe share: each raises RecipeError at the declaration."""

from __future__ import annotations

from tinyai_registry.errors import RecipeError


def make_floats(noun: object, *names: str) -> None:
    # 1 and 1.0 are equal, so they must have one fingerprint too.
    for name in names:
        object.__setattr__(noun, name, float(getattr(noun, name)))


def require_tuples(noun: object, *names: str) -> None:
    # ("clip") is a word, and would be read as the columns c, l, i and p.
    for name in names:
        value = getattr(noun, name)
        if not isinstance(value, tuple):
            kind = type(noun).__name__
            raise RecipeError(f"{kind}.{name} must be a tuple, not {value!r}; a tuple of one is written (x,)")


def require_two(what: str, value: int) -> None:
    if value <= 1:
        raise RecipeError(f"{what} must be two or more, not {value}")


def require_share(what: str, value: float) -> None:
    if not 0.0 < value < 1.0:
        raise RecipeError(f"{what} must lie between 0 and 1, not {value}")
