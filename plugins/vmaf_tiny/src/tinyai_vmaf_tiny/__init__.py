"""``vmaf_tiny_v2``, ``v3`` and ``v4``: six libvmaf features of a frame in, its VMAF score out, in three sizes."""

from __future__ import annotations

from tinyai_registry import MLP, Adam, CardText, Criterion, Input, Int8, LeaveOneGroupOut, Recipe, Where, hookimpl

FEATURES = ("adm2", "vif_scale0", "vif_scale1", "vif_scale2", "vif_scale3", "motion2")
WIDTHS = {"vmaf_tiny_v2": (16, 8), "vmaf_tiny_v3": (32, 16), "vmaf_tiny_v4": (64, 32, 16)}

# The smallest is not worth quantising. The last layer, a few dozen weights with the score's scale, stays in float32.
TWINS = {model: (Int8(budget=0.01, in_float=("last",)),) for model in ("vmaf_tiny_v3", "vmaf_tiny_v4")}


def vmaf_tiny(model: str, hidden: tuple[int, ...]) -> Recipe:
    """The recipe of one size: trained on every corpus, judged on the sources of one."""
    version = model.rpartition("_v")[2]
    return Recipe(
        id=model,
        kind="fr",
        inputs=(Input("features", FEATURES),),
        target="vmaf",
        target_range=(0.0, 100.0),
        key=("corpus", "source", "dis_basename", "frame_index"),
        group="source",
        clip="dis_basename",
        dataset="vmaf-aggregate",
        folds=LeaveOneGroupOut(within=Where("corpus", "==", "a")),
        criteria=(Criterion("plcc", "mean", ">=", 0.97),),
        architecture=MLP(hidden=hidden, activation="relu"),
        training=Adam(learning_rate=1e-3, weight_decay=0.0, batch_size=256, epochs=90),
        output="vmaf",
        scaler_in_graph=True,
        twins=TWINS.get(model, ()),
        license="BSD-2-Clause-Patent",
        dataset_license="That of each corpus; the tables may not be redistributed",
        decision="ADR-0244",
        card=CardText(
            title=f"Tiny VMAF regressor over several corpora, version {version}",
            summary=(
                f"A multilayer perceptron, {'-'.join(map(str, (len(FEATURES), *hidden, 1)))} with ReLU, that predicts "
                "the VMAF score of one frame from six raw libvmaf features; it standardises them itself. It imitates "
                "its teacher, vmaf_v0.6.1, and measures no human opinion."
            ),
            intended_use="A fast stand-in for the VMAF score where the six features are there already.",
            limits=(
                "The folds hold out the sources of one corpus; of content that only other corpora have, the figures "
                "say nothing. It knows nothing of chroma, HDR or frame rate conversion."
            ),
        ),
    )


VMAF_TINY = tuple(vmaf_tiny(model, hidden) for model, hidden in WIDTHS.items())


@hookimpl
def tinyai_recipes() -> list[Recipe]:
    """One recipe in three sizes."""
    return list(VMAF_TINY)
