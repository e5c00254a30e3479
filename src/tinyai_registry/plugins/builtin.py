"""The defaults, themselves a plugin: they train, evaluate and export any recipe that declares an MLP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tinyai_registry.plugins.hookspecs import hookimpl
from tinyai_registry.release import Description

if TYPE_CHECKING:
    import numpy as np
    import onnx
    from numpy.typing import NDArray

    from tinyai_registry.evaluation import Evaluation, Fit, HeldOutRows, TrainedModel
    from tinyai_registry.evaluation.progress import Progress
    from tinyai_registry.lab.table import Table
    from tinyai_registry.recipe import Recipe


@hookimpl
def tinyai_train(recipe: Recipe, table: Table, fits: Sequence[Fit], progress: Progress) -> Sequence[TrainedModel]:
    """All fits as one stack."""
    from tinyai_registry.lab.training import train_mlps

    return train_mlps(recipe, table, fits, progress)


@hookimpl
def tinyai_inputs(recipe: Recipe, table: Table, rows: NDArray[np.int64]) -> Mapping[str, NDArray[np.floating]]:
    """Nothing: only its plugin knows where a tensor comes from."""
    return {}


@hookimpl
def tinyai_measure(
    recipe: Recipe,
    inputs: Mapping[str, NDArray[np.float32]],
    target: NDArray[np.float32],
    prediction: NDArray[np.float64],
) -> Mapping[str, NDArray[np.float64]]:
    """Nothing: only its plugin knows what a tensor is judged by."""
    return {}


@hookimpl
def tinyai_evaluate(recipe: Recipe, held_out: Sequence[HeldOutRows]) -> Sequence[Mapping[str, float]]:
    """Nothing beyond the standard metrics."""
    return [{} for _ in held_out]


@hookimpl
def tinyai_export(
    recipe: Recipe, models: Sequence[TrainedModel], calibration: Sequence[Mapping[str, NDArray[np.float32]]]
) -> Mapping[str, onnx.ModelProto]:
    """One self-contained graph, named like the recipe; and each member's, where they ship separately."""
    from tinyai_registry.lab.export import export_mlps

    return export_mlps(recipe, models)


@hookimpl
def tinyai_describe(recipe: Recipe, evaluation: Evaluation) -> Description:
    """Nothing beyond what every release says."""
    return Description()
