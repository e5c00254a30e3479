"""Models that others made, as a plugin declares them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tinyai_registry.errors import RecipeError
from tinyai_registry.recipe._checks import require_tuples
from tinyai_registry.recipe._declaration import KINDS, Kind
from tinyai_registry.recipe._names import id_flaw
from tinyai_registry.recipe._protocols import Published


@dataclass(frozen=True)
class Imported:
    """A model that others made and that a plugin keeps up to date: a refresh publishes a newer file of theirs.

    ``source`` is where it is from, ``commit`` the version there; ``file`` is what ``tinyai.toml`` calls the ONNX file
    under ``[tables]``. ``shapes`` has sizes to try inputs with that leave some open, ``published`` figures of others.
    Nothing is trained or judged here, and sidecar and card say so. Raises RecipeError where it contradicts itself.
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

    def __post_init__(self) -> None:
        require_tuples(self, "published")
        if why := id_flaw(self.id):
            raise RecipeError(f"{self.id!r} cannot be the id of an imported model: {why}")
        if self.kind not in KINDS:
            raise RecipeError(f"{self.id}: kind {self.kind!r} is none of {', '.join(KINDS)}")
        for name in ("license", "source", "file"):
            if not getattr(self, name):
                raise RecipeError(f"{self.id}: {name} is empty; others made the model, so it has to be told")
