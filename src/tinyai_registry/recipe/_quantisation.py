"""The int8 twin of a graph: how it is made, and how far it may stray from the graph that it stands in for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from tinyai_registry.errors import RecipeError
from tinyai_registry.recipe._checks import make_floats, require_tuples
from tinyai_registry.recipe._criteria import Criterion

Mode = Literal["static", "dynamic"]
Layer = Literal["first", "last"]

# What is measured of a twin beside its graph: 1 - PLCC of the two, and their mean and worst absolute difference, as
# shares of the target range.
FIDELITY = ("int8_plcc_loss", "int8_mean_difference", "int8_worst_difference")


@dataclass(frozen=True)
class Int8:
    """An int8 twin, ``<id>.int8.onnx``, quantised from the very bytes that ship, and judged by a budget of its own.

    Weights of Conv, Gemm and MatMul are stored in int8, with a scale for each channel. ``static`` rounds what goes into
    these layers as well, in ranges that ``calibrate`` rows of the table have; ``dynamic`` takes the ranges anew at each
    call, with operators that not every runtime has. ``in_float`` names layers that stay in float32.

    On rows that the calibration did not see, ``1 - PLCC`` of twin and graph is at most ``budget``, and their mean and
    worst absolute difference at most ``mean`` and ``worst``, as shares of the target range.

    >>> [str(criterion) for criterion in Int8(budget=0.01).criteria]  # doctest: +ELLIPSIS
    ['max INT8_PLCC_LOSS over artifacts <= 0.01', 'max INT8_MEAN_DIFFERENCE over artifacts <= 0.005', ...]
    """

    mode: Mode = "static"
    calibrate: int = 512
    budget: float = 0.002
    mean: float = 0.005
    worst: float = 0.02
    in_float: tuple[Layer, ...] = ()

    def __post_init__(self) -> None:
        require_tuples(self, "in_float")
        make_floats(self, "budget", "mean", "worst")
        if self.mode not in get_args(Mode):
            raise RecipeError(f"Int8.mode is {self.mode!r}, not one of {get_args(Mode)}")
        if not set(self.in_float) <= set(get_args(Layer)):
            raise RecipeError(f"Int8.in_float is {self.in_float}; the layers that it may name are {get_args(Layer)}")
        if self.calibrate < 1:
            raise RecipeError(f"Int8.calibrate must be one row or more, not {self.calibrate}")
        for name in ("budget", "mean", "worst"):
            if not 0.0 < getattr(self, name) < 1.0:
                raise RecipeError(f"Int8.{name} must lie between 0 and 1, not {getattr(self, name)}")

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """The budget as lines of the gate."""
        limits = dict(zip(FIDELITY, (self.budget, self.mean, self.worst), strict=True))
        return tuple(Criterion(metric, "max", "<=", limit, part="artifacts") for metric, limit in limits.items())
