"""The networks that the built-in trainer and exporter understand, and how they are trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from tinyai_registry.errors import RecipeError
from tinyai_registry.recipe._checks import make_floats, require_tuples, require_two

Activation = Literal["gelu", "relu", "tanh"]
OutputActivation = Literal["linear", "sigmoid", "softplus"]


@dataclass(frozen=True)
class MLP:
    """A multilayer perceptron with one output; what the built-in trainer and exporter understand.

    ``squash`` limits standardised features softly to (-squash, squash): ``squash * tanh(feature / squash)``, against
    outliers. ``layer_norm`` normalises each row over its features after that (``torch.nn.LayerNorm``, with a weight and
    a bias for each feature that are trained). ``output_activation`` is what the output goes through: a sigmoid for
    targets in (0, 1), softplus for targets above 0. ``bounded`` brings it into the target range by a sigmoid. All of
    them happen inside the graph.
    """

    hidden: tuple[int, ...]
    activation: Activation = "gelu"
    dropout: float = 0.0
    squash: float | None = None
    bounded: bool = False
    layer_norm: bool = False
    output_activation: OutputActivation = "linear"

    def __post_init__(self) -> None:
        require_tuples(self, "hidden")
        make_floats(self, "dropout")
        for name, allowed in (("activation", Activation), ("output_activation", OutputActivation)):
            if getattr(self, name) not in get_args(allowed):
                raise RecipeError(f"MLP.{name} is {getattr(self, name)!r}, not one of {get_args(allowed)}")
        if self.bounded and self.output_activation != "linear":
            raise RecipeError("MLP.bounded is an output activation of its own; leave output_activation out")
        if not self.hidden or min(self.hidden) < 1:
            raise RecipeError(f"MLP.hidden must be one or more positive widths, not {self.hidden}")
        if not 0.0 <= self.dropout < 1.0:
            raise RecipeError(f"MLP.dropout must lie in [0, 1), not {self.dropout}")
        if self.squash is not None and self.squash <= 0:
            raise RecipeError(f"MLP.squash must be positive, not {self.squash}")


@dataclass(frozen=True)
class _MiniBatches:
    """The mean squared error in shuffled mini-batches; the last batch of an epoch may be short."""

    learning_rate: float
    weight_decay: float
    batch_size: int
    epochs: int

    def __post_init__(self) -> None:
        make_floats(self, "learning_rate", "weight_decay")
        if self.batch_size < 1 or self.epochs < 1 or not self.learning_rate > 0 or not self.weight_decay >= 0:
            raise RecipeError(
                f"{type(self).__name__} takes a positive batch_size, epochs and learning_rate, and no negative "
                f"weight_decay: {self}"
            )


@dataclass(frozen=True)
class AdamW(_MiniBatches):
    """AdamW on the mean squared error: the weights shrink by ``learning_rate * weight_decay`` at each step."""


@dataclass(frozen=True)
class Adam(_MiniBatches):
    """Adam on the mean squared error, with L2 in the loss: ``weight_decay * weight`` is added to the gradient."""


Training = AdamW | Adam


@dataclass(frozen=True)
class Ensemble:
    """``size`` networks whose scores are averaged: every fit is made with the seeds ``seed``, ``seed + 1``, ….

    They ship as one graph. ``separate`` also ships each member as an artifact with a row of its own.
    """

    size: int
    separate: bool = False

    def __post_init__(self) -> None:
        require_two("Ensemble.size", self.size)
