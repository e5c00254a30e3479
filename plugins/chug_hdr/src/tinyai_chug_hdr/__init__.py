"""``chug_hdr_mos_v1`` and ``chug_hdr_mos_head_v1``: how an HDR clip was encoded in, its mean opinion score out."""

from __future__ import annotations

from dataclasses import replace

from tinyai_registry import (
    MLP,
    AdamW,
    CardText,
    Criterion,
    Ensemble,
    GroupKFold,
    HeldOut,
    Input,
    Lookup,
    MeanBy,
    PredefinedSplit,
    Recipe,
    hookimpl,
    one_hot,
)

# The rungs as CHUG names them, and the base-2 logarithm of their bitrate in Mbit/s. The reference rung is the upload
# itself, whose bitrate CHUG does not give; it stands one octave above the highest encode.
LOG2_BITRATE = (
    ("360p_0.2M_", -2.32),
    ("720p_0.5M_", -1.0),
    ("1080p_0.5M_", -1.0),
    ("1080p_1M_", 0.0),
    ("720p_2M_", 1.0),
    ("1080p_3M_", 1.58),
    ("1080p_ref_", 2.58),
)
RUNGS = tuple(rung for rung, _ in LOG2_BITRATE)
LADDER = one_hot("bitladder", RUNGS)

# The margins are asked of the five folds. One test split of 171 contents is too noisy for the same margin in RMSE (a
# bootstrap over its contents has a standard error of 0.03), so there the model must be no worse.
FEATURES = Input("features", ("log2_bitrate", "height", "width", "portrait", "framerate"))
ONE_HOT = Input("ladder_onehot", tuple(rung.column for rung in LADDER))

CHUG_HDR_MOS_V1 = Recipe(
    id="chug_hdr_mos_v1",
    kind="nr",
    inputs=(FEATURES, ONE_HOT),
    derived=(
        Lookup("log2_bitrate", "bitladder", LOG2_BITRATE),
        Lookup("portrait", "orientation", (("Landscape", 0.0), ("Portrait", 1.0))),
        *LADDER,
    ),
    target="mos",
    target_range=(0.0, 100.0),
    key=("video_id",),
    group="content_name",
    clip="video_id",
    dataset="chug",
    folds=HeldOut(GroupKFold(5), test=0.2),
    reference=MeanBy("bitladder"),
    criteria=(
        Criterion("srocc", "mean", ">=", 0.03, against="difference"),
        Criterion("rmse", "mean", "<=", 0.97, against="ratio"),
        Criterion("srocc", "mean", ">=", 0.03, part="test", against="difference"),
        Criterion("rmse", "mean", "<=", 1.0, part="test", against="ratio"),
    ),
    architecture=MLP(hidden=(32, 32), activation="gelu", dropout=0.1, bounded=True),
    training=AdamW(learning_rate=3e-3, weight_decay=1e-4, batch_size=256, epochs=150),
    ensemble=Ensemble(3, separate=True),
    scaler_in_graph=True,
    stage="proposed",
    license="BSD-2-Clause-Patent",
    dataset_license="CC-BY-NC-SA-4.0 (CHUG; non-commercial use only)",
    decision="ADR-0427",
    card=CardText(
        title="HDR clips on a bitrate ladder: opinion score from encode parameters, version 1",
        summary=(
            "An ensemble of three multilayer perceptrons, 12-32-32-1 with GELU, that predicts the mean opinion score "
            "of an HDR clip from its rung on the bitrate ladder, its size, orientation and frame rate. It looks at no "
            "picture."
        ),
        intended_use="A prior for HDR ladders: what to expect of a rung before anything was measured.",
        limits=(
            "It knows seven rungs and no others, and nothing of the content. CHUG's licence does not allow commercial "
            "use of the ratings; whoever ships this model has to clear that first."
        ),
    ),
)


# The form in which its owners train a head: a table that comes with its split, one network, the one-hot as it is.
CHUG_HDR_MOS_HEAD_V1 = replace(
    CHUG_HDR_MOS_V1,
    id="chug_hdr_mos_head_v1",
    inputs=(FEATURES, replace(ONE_HOT, standardise=False)),
    dataset="chug-split",
    folds=PredefinedSplit("split"),
    reference=None,
    # The gate of a stand-in: the table has encode parameters and none of the owners' features of the picture.
    criteria=(Criterion("plcc", "mean", ">=", 0.75), Criterion("plcc", "mean", ">=", 0.75, part="test")),
    architecture=MLP(hidden=(64, 64), activation="relu", dropout=0.1, bounded=True, layer_norm=True),
    training=AdamW(learning_rate=1e-3, weight_decay=1e-5, batch_size=64, epochs=30),
    ensemble=None,
    output="mos",
    card=CardText(
        title="HDR clips on a bitrate ladder: opinion score head, version 1",
        summary=(
            "One multilayer perceptron behind a layer normalisation, 12-64-64-1 with ReLU, that predicts the mean "
            "opinion score of an HDR clip from how it was encoded. The table says on which clips it was trained, "
            "validated and tested."
        ),
        intended_use=CHUG_HDR_MOS_V1.card.intended_use,
        limits=CHUG_HDR_MOS_V1.card.limits,
    ),
)


@hookimpl
def tinyai_recipes() -> list[Recipe]:
    """The ensemble, and the head's form on a table that comes with its split."""
    return [CHUG_HDR_MOS_V1, CHUG_HDR_MOS_HEAD_V1]
