"""``nr_metric_v1``: the luma of a crop in, how clean it looks out. The smallest plugin whose inputs are pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tinyai_registry import Adam, CardText, Criterion, Fit, GroupKFold, Int8, Recipe, Tensor, TrainedModel, hookimpl

if TYPE_CHECKING:
    import numpy as np
    import onnx
    from numpy.typing import NDArray

    from tinyai_registry import Progress, Table
    from tinyai_registry.lab.torch_training import TrainedModule

NR_METRIC_V1 = Recipe(
    id="nr_metric_v1",
    kind="nr",
    inputs=(Tensor("luma", shape=(1, 64, 64), of=("top", "left", "noise", "seed")),),
    target="score",
    target_range=(1.0, 5.0),
    key=("picture", "crop", "version"),
    group="picture",
    clip="crop",
    dataset="scikit-image-crops",
    folds=GroupKFold(3),
    criteria=(
        Criterion("plcc", "mean", ">=", 0.85),
        Criterion("srocc", "mean", ">=", 0.80),
        Criterion("rmse", "mean", "<=", 0.50),
    ),
    twins=(Int8(calibrate=64, budget=0.01, mean=0.02, worst=0.1),),
    training=Adam(1e-2, 0.0, batch_size=16, epochs=24),
    batch="one",
    license="BSD-2-Clause-Patent",
    dataset_license="as scikit-image states for each of its pictures; none is redistributed here",
    decision="ADR-0301",
    card=CardText(
        title="No-reference noise metric on luma, version 1",
        summary=(
            "A small network of convolutions that sees the luma of a 64 by 64 crop and says how clean it is. It was "
            "trained to give the PSNR of noisy crops on a scale of 1 to 5, and measures no human opinion."
        ),
        intended_use="Where a picture has Gaussian noise and nothing to be compared with.",
        limits="It knows noise and nothing else: blur, blocks and banding look clean to it. Texture looks noisy.",
    ),
)


@hookimpl
def tinyai_recipes() -> list[Recipe]:
    """The one model of this plugin."""
    return [NR_METRIC_V1]


@hookimpl
def tinyai_inputs(recipe: Recipe, table: Table, rows: NDArray[np.int64]) -> Mapping[str, NDArray[np.floating]]:
    """The crops of ``rows``, cut and made noisy now."""
    from tinyai_nr_metric.crops import cut

    return {"luma": cut(table.frame.iloc[rows])}


@hookimpl
def tinyai_train(recipe: Recipe, table: Table, fits: Sequence[Fit], progress: Progress) -> Sequence[TrainedModel]:
    """One fit after another."""
    from tinyai_nr_metric.network import Network
    from tinyai_registry.lab.torch_training import train_module

    return [train_module(Network, table, fit) for fit in progress.each(fits, "the fits")]


@hookimpl
def tinyai_export(recipe: Recipe, models: Sequence[TrainedModule]) -> Mapping[str, onnx.ModelProto]:
    """The network as torch writes it."""
    from tinyai_registry.lab.torch_export import export_module

    [model] = models
    return {recipe.id: export_module(recipe, model.module)}
