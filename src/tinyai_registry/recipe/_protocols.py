"""Evaluations beside the recipe's own, under protocols that others have published figures for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tinyai_registry.errors import RecipeError
from tinyai_registry.recipe._checks import require_tuples
from tinyai_registry.recipe._criteria import Criterion
from tinyai_registry.recipe._schemes import Scheme


@dataclass(frozen=True)
class Published:
    """A figure that someone else published for a protocol, and where."""

    metric: str
    value: float
    source: str


@dataclass(frozen=True)
class Protocol:
    """A further evaluation, beside the recipe's own folds, under a published protocol.

    ``mapping`` is what predictions go through before PLCC and RMSE: the four-parameter logistic that is usual in
    quality assessment, fitted on the held-out rows. The medians over the splits are compared with ``published``.

    Its ``criteria`` are lines of the gate like the recipe's own, and decisive like them.
    """

    name: str
    scheme: Scheme
    mapping: Literal["logistic4"] | None = None
    published: tuple[Published, ...] = field(default=(), metadata={"descriptive": True})
    criteria: tuple[Criterion, ...] = ()

    def __post_init__(self) -> None:
        require_tuples(self, "published", "criteria")
        for criterion in self.criteria:
            if criterion.part == "artifacts" or criterion.against == "previous":
                raise RecipeError(f"Protocol {self.name}: {criterion} is for the criteria of the recipe itself")
