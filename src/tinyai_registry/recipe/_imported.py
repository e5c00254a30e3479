"""Models that others made, as a plugin declares them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tinyai_registry.errors import RecipeError
from tinyai_registry.recipe._checks import require_tuples
from tinyai_registry.recipe._declaration import KINDS, Kind
from tinyai_registry.recipe._names import id_flaw
from tinyai_registry.recipe._protocols import Published
from tinyai_registry.text import count


@dataclass(frozen=True)
class Regressor:
    """Which columns of a table feed a model that others made, in what scale, and what it predicts from them.

    ``columns`` are in the order of the graph's one input, ``[N, len(columns)]``. A caller feeds
    ``(column - mean) / std``; both are empty where the graph takes raw columns. ``target`` is what it predicts, and
    ``target_range`` the least and the greatest of it, in its units. Raises RecipeError where it contradicts itself.
    """

    columns: tuple[str, ...]
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    target: str | None = None
    target_range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        require_tuples(self, "columns", "mean", "std")
        names = list(self.columns)
        if twice := [name for name in names if names.count(name) > 1]:
            raise RecipeError(f"the column {twice[0]} is named twice; name each once, in the order of the input")
        if not names or not all(names):
            raise RecipeError("a column has no name; name each, in the order of the input")
        for what in ("mean", "std"):
            values = getattr(self, what)
            if len(values) != len(names) and (self.mean or self.std):
                raise RecipeError(
                    f"{what} has {count(len(values), 'number')} for {count(len(names), 'column')}; give one for each"
                )
            object.__setattr__(self, what, tuple(map(float, values)))
        for name, mean, std in zip(names, self.mean, self.std, strict=False):
            if not math.isfinite(mean) or not 0 < std < math.inf:
                raise RecipeError(
                    f"column {name} has mean {mean:g} and std {std:g}; both must be finite and std positive "
                    "(1 for a column that does not vary)"
                )
        if self.target == "":
            raise RecipeError("target is empty; say what the model predicts, or leave it out")
        if self.target_range is not None and not 0 < self.target_range[1] - self.target_range[0] < math.inf:
            raise RecipeError(f"target_range {self.target_range} is empty or endless; give the least and the greatest")


@dataclass(frozen=True)
class Imported:
    """A model that others made and that a plugin keeps up to date: a refresh publishes a newer file of theirs.

    ``source`` is where it is from, ``commit`` the version there; ``file`` is what ``tinyai.toml`` calls the ONNX file
    under ``[tables]``. ``regressor`` says which columns feed it, where rows of a table do; ``shapes`` has sizes to try
    inputs with that leave some open, ``published`` figures of others. Nothing is trained or judged here, and sidecar
    and card say so. Raises RecipeError where it contradicts itself.
    """

    id: str
    kind: Kind
    license: str
    source: str
    file: str
    commit: str | None = None
    notes: str = ""
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    published: tuple[Published, ...] = ()
    regressor: Regressor | None = None

    def __post_init__(self) -> None:
        require_tuples(self, "published")
        if why := id_flaw(self.id):
            raise RecipeError(f"{self.id!r} cannot be the id of an imported model: {why}")
        if self.kind not in KINDS:
            raise RecipeError(f"{self.id}: kind {self.kind!r} is none of {', '.join(KINDS)}")
        for name in ("license", "source", "file"):
            if not getattr(self, name):
                raise RecipeError(f"{self.id}: {name} is empty; others made the model, so it has to be told")
        if why := source_flaw(self.source):
            raise RecipeError(f"{self.id}: the source {why}")


def source_flaw(source: str) -> str | None:
    """Why ``source`` cannot be published as where a model is from, in words that follow "the source"; None if it can.

    >>> source_flaw("https://example.org/up")
    >>> source_flaw("up")
    "is 'up', which is no URL; give one that others can open, such as https://example.org/up"
    """
    shown = f"is {source!r}, which is no URL; give one that others can open, such as https://example.org/up"
    try:
        found = urlsplit(source)
    except ValueError:
        return shown
    if not (found.scheme and found.netloc) or source.split() != [source]:
        return shown
    return "has a user or a password in it, which would be published; leave that out" if "@" in found.netloc else None
