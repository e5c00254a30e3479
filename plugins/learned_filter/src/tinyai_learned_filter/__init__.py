"""``learned_filter_v1``: the luma of a noisy crop in, the crop with less noise out: a model that gives a picture."""

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

COLUMNS = ("top", "left", "noise", "seed")
LEARNED_FILTER_V1 = Recipe(
    id="learned_filter_v1",
    kind="filter",
    inputs=(Tensor("luma", shape=(1, 64, 64), of=COLUMNS),),
    target=Tensor("clean", shape=(1, 64, 64), of=COLUMNS),
    target_range=(0.0, 1.0),
    key=("picture", "crop", "version"),
    group="picture",
    clip="crop",
    dataset="scikit-image-crops",
    folds=GroupKFold(3),
    criteria=(Criterion("psnr_gain", "mean", ">=", 1.0), Criterion("psnr_gain", "min", ">=", 0.5)),
    twins=(Int8(calibrate=64, budget=0.01, mean=0.01, worst=0.1),),
    training=Adam(2e-3, 0.0, batch_size=8, epochs=8),
    batch="one",
    output="filtered",
    license="BSD-2-Clause-Patent",
    dataset_license="as scikit-image states for each of its pictures; none is redistributed here",
    decision="ADR-0302",
    card=CardText(
        title="Residual denoising filter on luma, version 1",
        summary=(
            "A residual network of 3 by 3 convolutions that takes Gaussian noise out of the luma of a 64 by 64 crop. "
            "It is judged by the PSNR that it gains over the noisy crop, in dB."
        ),
        intended_use="A first filter before encoding or measuring, where a picture has Gaussian noise.",
        limits="Trained on noise with a standard deviation of 0.03 to 0.1 of the luma range; less noise it may blur.",
    ),
)


@hookimpl
def tinyai_recipes() -> list[Recipe]:
    """The one model of this plugin."""
    return [LEARNED_FILTER_V1]


@hookimpl
def tinyai_inputs(recipe: Recipe, table: Table, rows: NDArray[np.int64]) -> Mapping[str, NDArray[np.floating]]:
    """The crops of ``rows``, noisy and clean, cut now."""
    from tinyai_learned_filter.crops import cut

    noisy, clean = cut(table.frame.iloc[rows])
    return {"luma": noisy, "clean": clean}


@hookimpl
def tinyai_measure(
    recipe: Recipe,
    inputs: Mapping[str, NDArray[np.float32]],
    target: NDArray[np.float32],
    prediction: NDArray[np.float64],
) -> Mapping[str, NDArray[np.float64]]:
    """The PSNR of each crop against the clean one, in dB, and how much of it is gained over the noisy one."""
    import numpy as np

    def psnr(luma: NDArray[np.floating]) -> NDArray[np.float64]:
        error: NDArray[np.float64] = np.square(luma.astype(np.float64) - target).mean(axis=(1, 2, 3))
        decibels: NDArray[np.float64] = -10 * np.log10(error)
        return decibels

    return {"psnr": psnr(prediction), "psnr_gain": psnr(prediction) - psnr(inputs["luma"])}


@hookimpl
def tinyai_train(recipe: Recipe, table: Table, fits: Sequence[Fit], progress: Progress) -> Sequence[TrainedModel]:
    """One fit after another."""
    from tinyai_learned_filter.network import Network
    from tinyai_registry.lab.torch_training import train_module

    return [train_module(Network, table, fit) for fit in progress.each(fits, "the fits")]


@hookimpl
def tinyai_export(recipe: Recipe, models: Sequence[TrainedModule]) -> Mapping[str, onnx.ModelProto]:
    """The network as torch writes it."""
    from tinyai_registry.lab.torch_export import export_module

    [model] = models
    return {recipe.id: export_module(recipe, model.module)}
