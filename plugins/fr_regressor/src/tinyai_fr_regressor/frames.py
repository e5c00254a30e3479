"""The regressor of a frame: six libvmaf features in, the VMAF score out."""

from __future__ import annotations

from tinyai_registry import MLP, AdamW, CardText, Criterion, Input, LeaveOneGroupOut, Recipe

FR_REGRESSOR_V1 = Recipe(
    id="fr_regressor_v1",
    kind="fr",
    inputs=(Input("features", ("adm2", "vif_scale0", "vif_scale1", "vif_scale2", "vif_scale3", "motion2")),),
    target="vmaf",
    target_range=(0.0, 100.0),
    key=("source", "dis_basename", "frame_index"),
    group="source",
    clip="dis_basename",
    dataset="netflix-public",
    folds=LeaveOneGroupOut(),
    criteria=(Criterion("plcc", "mean", ">=", 0.95),),
    architecture=MLP(hidden=(64, 64), activation="gelu", dropout=0.1),
    training=AdamW(learning_rate=1e-3, weight_decay=1e-5, batch_size=256, epochs=30),
    license="BSD-2-Clause-Patent",
    dataset_license="Netflix Public Dataset terms; the table may not be redistributed",
    decision="ADR-0249",
    card=CardText(
        title="Tiny full-reference VMAF regressor, version 1",
        summary=(
            "A multilayer perceptron, 6-64-64-1 with GELU, that predicts the VMAF score of one frame from the six "
            "canonical libvmaf features. It imitates its teacher, vmaf_v0.6.1, and measures no human opinion."
        ),
        intended_use="A fast stand-in for the VMAF score where the six features are there already.",
        limits=(
            "Trained on few source clips. Content unlike theirs (see the weakest folds below) is predicted less well. "
            "It knows nothing of chroma, HDR or frame rate conversion."
        ),
    ),
)
