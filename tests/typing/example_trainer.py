"""A plugin that trains, typed from what the package exports alone. ``# R:`` is the type that mypy reveals there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_type, reveal_type

import numpy as np
import onnx
from numpy.typing import NDArray

from tinyai_registry import (
    CardText,
    Criterion,
    Description,
    Evaluation,
    Fit,
    HeldOutRows,
    Input,
    KFold,
    Recipe,
    Table,
    TrainedModel,
    hookimpl,
)

MEAN_V1 = Recipe(
    id="mean_v1",
    kind="nr",
    inputs=(Input("features", ("luma",)),),
    target="rating",
    target_range=(1.0, 5.0),
    key=("clip",),
    group="clip",
    clip="clip",
    dataset="made-up",
    folds=KFold(3),
    criteria=(Criterion("plcc", "mean", ">=", 0.5),),
    license="MIT",
    dataset_license="CC0-1.0",
    decision="ADR-0001",
    card=CardText("Mean", "Guesses.", "Tests.", "Many."),
)


class Mean:
    """The mean of the targets that it has seen."""

    standardisation = None

    def __init__(self, value: float) -> None:
        self.value = value

    def predict(self, inputs: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float64]:
        """The same for each row."""
        return np.full(len(inputs["features"]), self.value)


@hookimpl
def tinyai_recipes() -> Sequence[Recipe]:
    """One recipe."""
    return [MEAN_V1]


@hookimpl
def tinyai_train(recipe: Recipe, table: Table, fits: Sequence[Fit]) -> Sequence[TrainedModel]:
    """The mean of each fit's rows."""
    reveal_type(recipe.id)  # R: str
    reveal_type(recipe.feature_order)  # R: tuple[str, ...]
    reveal_type(recipe.inputs[0].columns)  # R: tuple[str, ...]
    reveal_type(recipe.target_range)  # R: tuple[float, float]
    reveal_type(recipe.seeds)  # R: tuple[int, ...]
    assert_type(fits[0].rows, NDArray[np.int64])
    reveal_type(fits[0].seed)  # R: int
    reveal_type(fits[0].label)  # R: str
    assert_type(table.target, NDArray[np.float64])
    assert_type(table.features, NDArray[np.float64])
    assert_type(table.groups, NDArray[np.str_])
    assert_type(table.inputs(fits[0].rows), dict[str, NDArray[np.float32]])
    return [Mean(float(table.target[fit.rows].mean())) for fit in fits]


@hookimpl
def tinyai_evaluate(recipe: Recipe, held_out: Sequence[HeldOutRows]) -> Sequence[Mapping[str, float]]:
    """The mean absolute error."""
    reveal_type(held_out[0].group)  # R: str
    assert_type(held_out[0].prediction, NDArray[np.float64])
    return [{"mae": float(np.abs(part.prediction - part.target).mean())} for part in held_out]


@hookimpl
def tinyai_gate(recipe: Recipe, evaluation: Evaluation, previous: Mapping[str, object] | None) -> Sequence[Criterion]:
    """One criterion more."""
    reveal_type(evaluation.folds[0].metrics.values["plcc"])  # R: float | None
    reveal_type(evaluation.summary["plcc"].mean)  # R: float | None
    return [Criterion("mae", "mean", "<=", 1.0)]


@hookimpl
def tinyai_export(recipe: Recipe, models: Sequence[TrainedModel]) -> Mapping[str, onnx.ModelProto]:
    """No graph at all."""
    assert_type(models[0].predict({}), NDArray[np.float64])
    return {}


@hookimpl
def tinyai_describe(recipe: Recipe, evaluation: Evaluation) -> Description:
    """One field more."""
    reveal_type(tinyai_evaluate(recipe, []))  # R: typing.Sequence[typing.Mapping[str, float]]
    return Description(extra={"distance": 3.0}, schema={"type": "object"})
