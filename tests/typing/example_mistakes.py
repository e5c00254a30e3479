"""What mypy is to find in a plugin, at the line that has ``# E:`` and the code of the error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tinyai_registry import Criterion, Fit, HeldOutRows, KFold, Recipe, Table, TrainedModel, hookimpl


class Scores:
    """A model whose scores are float32."""

    standardisation = None

    def predict(self, inputs: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        """Zeros."""
        return np.zeros(len(inputs["features"]), np.float32)


class Silent:
    """A model that says nothing of its standardisation."""

    def predict(self, inputs: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float64]:
        """Zeros."""
        return np.zeros(len(inputs["features"]))


@hookimpl
def tinyai_train(recipe: Recipe, table: Table, fits: Sequence[Fit]) -> Sequence[TrainedModel]:
    """Wrong in five ways."""
    fits[0].seed = 3  # E: misc
    len(table.colour)  # E: attr-defined
    table.inputs("all")  # E: arg-type
    if recipe.id:
        return [Scores() for _ in fits]  # E: misc
    return [Silent() for _ in fits]  # E: misc


@hookimpl
def tinyai_evaluate(recipe: Recipe, held_out: Sequence[HeldOutRows]) -> Sequence[Mapping[str, float]]:
    """Wrong in two ways."""
    recipe.folds = KFold(3)  # E: misc
    return [{"mae": part.prediction} for part in held_out]  # E: dict-item


@hookimpl
def tinyai_gate(recipe: Recipe) -> Sequence[Criterion]:
    """Wrong in two ways."""
    found = Criterion("plcc", "mode", ">=", 0.5)  # E: arg-type
    return [found, Criterion("plcc", "mean", "==", 0.5)]  # E: arg-type
