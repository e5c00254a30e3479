"""The networks that the built-in trainer and exporter understand, and how they are trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from tinyai_registry.errors import RecipeError
from tinyai_registry.recipe._checks import make_floats, require_tuples, require_two

Activation = Literal["gelu", "relu", "tanh"]


@dataclass(frozen=True)
class MLP:
    """A multilayer perceptron with one output; what the built-in trainer and exporter understand.

    ``squash`` limits standardised features softly to (-squash, squash): ``squash * tanh(feature / squash)``, against
    outliers. ``bounded`` brings the output into the target range by a sigmoid. Both happen inside the graph.
    """

    hidden: tuple[int, ...]
    activation: Activation = "gelu"
    dropout: float = 0.0
    squash: float | None = None
    bounded: bool = False

    def __post_init__(self) -> None:
        require_tuples(self, "hidden")
        make_floats(self, "dropout")
        if self.activation not in get_args(Activation):
            raise RecipeError(f"MLP.activation is {self.activation!r}, not one of {get_args(Activation)}")
        if not self.hidden or min(self.hidden) < 1:
            raise RecipeError(f"MLP.hidden must be one or more positive widths, not {self.hidden}")
        if not 0.0 <= self.dropout < 1.0:
            raise RecipeError(f"MLP.dropout must lie in [0, 1), not {self.dropout}")
        if self.squash is not None and self.squash <= 0:
            raise RecipeError(f"MLP.squash must be positive, not {self.squash}")


@dataclass(frozen=True)
class AdamW:
    """AdamW on the mean squared error, in shuffled mini-batches; the last batch of an epoch may be short."""

    learning_rate: float
    weight_decay: float
    batch_size: int
    epochs: int

    def __post_init__(self) -> None:
        make_floats(self, "learning_rate", "weight_decay")
        if self.batch_size < 1 or self.epochs < 1 or not self.learning_rate > 0 or not self.weight_decay >= 0:
            raise RecipeError(
                f"AdamW takes a positive batch_size, epochs and learning_rate, and no negative weight_decay: {self}"
            )


@dataclass(frozen=True)
class Ensemble:
    """``size`` networks whose scores are averaged: every fit is made with the seeds ``seed``, ``seed + 1``, ….

    They ship as one graph. ``separate`` also ships each member as an artifact with a row of its own.
    """

    size: int
    separate: bool = False

    def __post_init__(self) -> None:
        require_two("Ensemble.size", self.size)
