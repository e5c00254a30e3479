"""The codec-aware regressors of a clip: the six features, and a block that says how it was encoded."""

from __future__ import annotations

from dataclasses import replace

from tinyai_registry import (
    MLP,
    Adam,
    CardText,
    Constant,
    Criterion,
    Ensemble,
    Input,
    LeaveOneGroupOut,
    OneHot,
    Recipe,
    Scaled,
    Where,
)

FEATURES = Input("features", ("adm2", "vif_scale0", "vif_scale1", "vif_scale2", "vif_scale3", "motion2"))

# The runtime gives what is not in the vocabulary to the last slot, so a tenth of the rows is trained as such.
CODEC = OneHot(
    "codec",
    ("x264", "x265", "vp9", "svtav1", "mpeg2"),
    unknown=True,
    unknown_share=0.1,
    sidecar_key="encoder_vocab",
    version=1,
)
# The table does not tell presets: the middle of the range, for all.
PRESET = Constant("preset_norm", 0.5, sidecar_key="codec_preset")
CRF = Scaled("crf_norm", of="rate_value", low=0, high=63, sidecar_key="codec_crf")


def codec_block(tensor: str) -> Input:
    """The second input: which codec, which preset, which CRF; fed as it is."""
    columns = (*CODEC.columns, *PRESET.columns, *CRF.columns)
    return Input(tensor, columns, standardise=False, sidecar_key="codec_block_layout")


FR_REGRESSOR_V2 = Recipe(
    id="fr_regressor_v2",
    kind="fr",
    inputs=(FEATURES, codec_block("codec")),
    derived=(CODEC, PRESET, CRF),
    # A bit rate is no CRF; the quantiser of MPEG-2 is nearer to one.
    rows=(Where("rate_control", "in", ("crf", "q")),),
    target="vmaf",
    target_range=(0.0, 100.0),
    key=("corpus", "dis_basename"),
    group="source",
    clip="dis_basename",
    dataset="vmaf-clips",
    folds=LeaveOneGroupOut(),
    criteria=(Criterion("plcc", "mean", ">=", 0.95),),
    architecture=MLP(hidden=(32, 32, 32), activation="gelu", dropout=0.1),
    training=Adam(learning_rate=5e-4, weight_decay=1e-5, batch_size=32, epochs=200),
    license="BSD-2-Clause-Patent",
    dataset_license="Made for this project from CC0, CC BY, MIT and BSD-2-Clause-Patent clips",
    decision="ADR-0272",
    card=CardText(
        title="Tiny codec-aware VMAF regressor, version 2",
        summary=(
            "A multilayer perceptron, 32-32-32 with GELU: the VMAF score of a whole clip from the means of the six "
            "canonical libvmaf features, the codec, its preset and its CRF. It imitates its teacher, vmaf_v0.6.1, and "
            "measures no human opinion."
        ),
        intended_use="A fast stand-in for the VMAF score of an encode whose codec and CRF are known.",
        limits=(
            "Trained on the encodes of few source clips, at one preset for each codec. A codec that is not in its "
            "vocabulary is `unknown`, the last slot, as which a tenth of the training rows was seen."
        ),
    ),
)

V3_CRF = replace(CRF, low=6, high=52)  # the lowest and highest of the table

FR_REGRESSOR_V3 = replace(
    FR_REGRESSOR_V2,
    id="fr_regressor_v3",
    inputs=(FEATURES, codec_block("codec_block")),
    derived=(CODEC, PRESET, V3_CRF),
    output="vmaf",
    architecture=MLP(hidden=(64, 64), activation="gelu", dropout=0.1),
    decision="ADR-0302",
    card=replace(
        FR_REGRESSOR_V2.card,
        title="Tiny codec-aware VMAF regressor, version 3",
        summary=(
            "A multilayer perceptron, 64-64 with GELU: the VMAF score of a whole clip from the means of the six "
            "canonical libvmaf features, the codec, its preset and its CRF. It imitates its teacher, vmaf_v0.6.1, and "
            "measures no human opinion."
        ),
    ),
)

FR_REGRESSOR_V2_ENSEMBLE_V1 = replace(
    FR_REGRESSOR_V2,
    id="fr_regressor_v2_ensemble_v1",
    inputs=(FEATURES, codec_block("codec_onehot")),
    derived=FR_REGRESSOR_V3.derived,
    architecture=FR_REGRESSOR_V3.architecture,
    ensemble=Ensemble(5, separate=True),
    criteria=(
        Criterion("plcc", "mean", ">=", 0.95, part="seeds"),
        Criterion("plcc", "min", ">=", 0.95, part="seeds"),
        Criterion("plcc", "spread", "<=", 0.005, part="seeds"),
    ),
    decision="ADR-0279",
    card=replace(
        FR_REGRESSOR_V2.card,
        title="Ensemble of five codec-aware VMAF regressors, version 1",
        summary=(
            "Five multilayer perceptrons like fr_regressor_v3, of five seeds, each registered by itself: the mean of "
            "their scores, and their spread as a sign of how sure they are."
        ),
    ),
)
