"""``konvid_mos_v1``, ``youtube_ugc_mos_v1``, ``konvid_mos_head_v1``: VIDEVAL's features of a clip in, its score out."""

from __future__ import annotations

from dataclasses import replace

from tinyai_registry import (
    MLP,
    AdamW,
    CardText,
    Constant,
    Criterion,
    Ensemble,
    Input,
    KFold,
    Protocol,
    Published,
    Recipe,
    RepeatedHoldout,
    hookimpl,
)

VIDEVAL = "VIDEVAL, an SVR on the same features (Tu et al., IEEE TIP 2021)"
SUMMARY = (
    "An ensemble of small multilayer perceptrons: the mean opinion score (1 to 5) of a user's clip from the 60 "
    "features of VIDEVAL, without a reference. "
)


def protocol(srocc: float, plcc: float) -> Protocol:
    """The protocol under which VIDEVAL was published, and what it reached."""
    published = (Published("srocc", srocc, VIDEVAL), Published("plcc", plcc, VIDEVAL))
    return Protocol("repeated-holdout", RepeatedHoldout(100, test=0.2), mapping="logistic4", published=published)


# Activation, dropout and squash of both recipes were chosen by cross-validation inside the training parts of the
# protocol's first four splits, never on a test part.
KONVID_MOS_V1 = Recipe(
    id="konvid_mos_v1",
    kind="nr",
    inputs=(Input("features", tuple(f"videval_{number:02}" for number in range(60))),),
    missing="median",
    target="mos",
    target_range=(1.0, 5.0),
    key=("video_id",),
    group="video_id",
    clip="video_id",
    dataset="konvid-1k",
    folds=KFold(5, stratify=True),
    criteria=(
        Criterion("plcc", "mean", ">=", 0.75),
        Criterion("srocc", "mean", ">=", 0.75),
        Criterion("rmse", "mean", "<=", 0.45),
        Criterion("plcc", "spread", "<=", 0.10),
    ),
    architecture=MLP(hidden=(64, 64), activation="gelu", dropout=0.4, squash=3.0, bounded=True),
    training=AdamW(learning_rate=1e-3, weight_decay=1e-5, batch_size=64, epochs=100),
    ensemble=Ensemble(4),
    scaler_in_graph=True,
    protocols=(protocol(srocc=0.7832, plcc=0.7803),),
    license="BSD-2-Clause-Patent",
    dataset_license="KoNViD-1k terms; features MIT (VIDEVAL)",
    decision="ADR-0168",
    card=CardText(
        title="No-reference opinion score of KoNViD-1k clips, version 1",
        summary=SUMMARY + "It was trained on KoNViD-1k.",
        intended_use="A no-reference quality score where the VIDEVAL features are there already.",
        limits="It has seen 540p clips of 2017 and before; other content, sizes and encoders are unknown to it.",
    ),
)

YOUTUBE_UGC_MOS_V1 = replace(
    KONVID_MOS_V1,
    id="youtube_ugc_mos_v1",
    dataset="youtube-ugc",
    architecture=MLP(hidden=(64, 64), activation="tanh", dropout=0.1, squash=4.0, bounded=True),
    protocols=(protocol(srocc=0.7787, plcc=0.7733),),
    dataset_license="YouTube-UGC terms; features MIT (VIDEVAL)",
    card=CardText(
        title="No-reference opinion score of YouTube-UGC clips, version 1",
        summary=SUMMARY + "It was trained on YouTube-UGC.",
        intended_use=KONVID_MOS_V1.card.intended_use,
        limits="For some clips of the data set VIDEVAL gives no features; their empty cells were filled with medians.",
    ),
)


# The form in which its owners train a head: a second input says which encoder a clip came from. This table does not, so
# that is a constant, and it has VIDEVAL's features in place of the owners' eleven. So the gate is that of a stand-in.
KONVID_MOS_HEAD_V1 = replace(
    KONVID_MOS_V1,
    id="konvid_mos_head_v1",
    inputs=(*KONVID_MOS_V1.inputs, Input("encoder_onehot", ("encoder",), standardise=False)),
    derived=(Constant("encoder", 1.0),),
    folds=KFold(5),
    criteria=(Criterion("plcc", "mean", ">=", 0.75),),
    architecture=MLP(hidden=(64, 64), activation="relu", dropout=0.1, bounded=True, layer_norm=True),
    training=AdamW(learning_rate=1e-3, weight_decay=1e-5, batch_size=64, epochs=30),
    ensemble=None,
    output="mos",
    protocols=(),
    stage="proposed",
    card=CardText(
        title="Opinion score head on KoNViD-1k, version 1",
        summary=(
            "One multilayer perceptron behind a layer normalisation, 61-64-64-1 with ReLU: the mean opinion score "
            "(1 to 5) of a user's clip from the 60 features of VIDEVAL. The encoder is an input of its own, always 1."
        ),
        intended_use=KONVID_MOS_V1.card.intended_use,
        limits=KONVID_MOS_V1.card.limits,
    ),
)


@hookimpl
def tinyai_recipes() -> list[Recipe]:
    """One recipe for two data sets, and the head's form on the first."""
    return [KONVID_MOS_V1, YOUTUBE_UGC_MOS_V1, KONVID_MOS_HEAD_V1]
