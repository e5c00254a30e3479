"""A fourth plugin: features beside a codec's block, which the newer runtime fills from what the sidecar says."""

from tinyai_registry import (
    MLP,
    AdamW,
    CardText,
    Constant,
    Criterion,
    GroupKFold,
    Input,
    OneHot,
    Recipe,
    Scaled,
    Where,
    hookimpl,
)

CODEC = OneHot("codec", ("x264", "x265", "vp9"), unknown=True, sidecar_key="encoder_vocab", version=1)
PRESET = Constant("preset_norm", 0.5, sidecar_key="codec_preset")
CRF = Scaled("crf_norm", of="crf", low=19, high=37, sidecar_key="codec_crf")

CODEC_AWARE = Recipe(
    id="codec_aware_v1",
    kind="fr",
    inputs=(
        Input("features", ("adm2", "vif_scale0", "motion2")),
        Input(
            "codec_block",
            (*CODEC.columns, "preset_norm", "crf_norm"),
            standardise=False,
            sidecar_key="codec_block_layout",
        ),
    ),
    derived=(CODEC, PRESET, CRF),
    rows=(Where("codec", "!=", "mpeg2"), Where("codec", "!=", "svtav1")),
    target="vmaf",
    target_range=(0.0, 100.0),
    key=("dis_basename", "frame_index"),
    group="source",
    clip="dis_basename",
    dataset="stand-in",
    folds=GroupKFold(3),
    criteria=(Criterion("plcc", "mean", ">=", 0.3),),
    architecture=MLP((8,)),
    training=AdamW(learning_rate=1e-2, weight_decay=0.0, batch_size=64, epochs=6),
    batch="dynamic",
    output_rank=1,
    license="MIT",
    dataset_license="CC0-1.0",
    decision="ADR-0004",
    card=CardText("Codec-aware", "It knows three codecs.", "Tests.", "It is small."),
)


@hookimpl
def tinyai_recipes():
    return [CODEC_AWARE]
