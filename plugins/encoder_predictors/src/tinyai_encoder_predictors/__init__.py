"""``predictor_<codec>_v1``: how a clip is encoded and how complex its source is in, the VMAF score of the encode out.

One recipe and one table; a model for each codec is trained on that codec's rows.
"""

from __future__ import annotations

from tinyai_registry import (
    MLP,
    Adam,
    CardText,
    Criterion,
    GroupKFold,
    Input,
    LeaveOneGroupOut,
    Log,
    Protocol,
    Ratio,
    Recipe,
    Where,
    hookimpl,
)

# The codecs of the table, as it names them, and what their setting is called.
SETTINGS = {
    "x264": "CRF",
    "x265": "CRF",
    "vp9": "CRF",
    "svtav1": "CRF",
    "mpeg2": "quantiser",
}


def predictor(codec: str, setting: str) -> Recipe:
    """The recipe for ``codec``. Its gate was declared before any of the models had been trained."""
    return Recipe(
        id=f"predictor_{codec}_v1",
        kind="nr",
        inputs=(Input("features", ("rate_value", "log_bitrate", "height_ratio", "src_height", "motion")),),
        derived=(
            Log("log_bitrate", of="bitrate_kbps"),
            Ratio("height_ratio", of="enc_height", to="src_height"),
        ),
        # Of an encode at a given bitrate the table has kbit/s in the column of the setting.
        rows=(Where("codec", "==", codec), Where("rate_control", "!=", "kbps")),
        target="vmaf",
        target_range=(0.0, 100.0),
        key=("dis_basename",),
        group="source",
        clip="dis_basename",
        dataset="vmaf-clips",
        folds=GroupKFold(5),
        criteria=(Criterion("plcc", "mean", ">=", 0.95), Criterion("plcc", "min", ">=", 0.90)),
        architecture=MLP(hidden=(64, 64), activation="relu", bounded=True),
        training=Adam(learning_rate=5e-3, weight_decay=0.0, batch_size=32, epochs=200),
        seed=42,
        output="vmaf",
        scaler_in_graph=True,
        batch="one",
        # How well it orders the settings of one clip, beside how well it tells one clip from another.
        protocols=(Protocol("leave-one-source-out", LeaveOneGroupOut()),),
        stage="proposed",
        license="BSD-2-Clause-Patent",
        dataset_license="Made for this project from CC0, CC BY, MIT and BSD-2-Clause-Patent clips",
        decision="ADR to be written",
        card=CardText(
            title=f"The VMAF score of a {codec} encode before it is made, version 1",
            summary=(
                "A multilayer perceptron, 5-64-64-1 with ReLU, that predicts the mean VMAF score of a clip that "
                f"{codec} encodes, from the {setting}, the bitrate, the scaled height and the motion of the source."
            ),
            intended_use="A first guess of a setting; what it proposes has to be encoded and measured.",
            limits=(
                f"Trained on few encodes of eleven clips, by one build of {codec} at one preset. It knows nothing of "
                "what is in the picture but how much moves."
            ),
        ),
    )


PREDICTORS = tuple(predictor(codec, setting) for codec, setting in SETTINGS.items())


@hookimpl
def tinyai_recipes() -> list[Recipe]:
    """One model for each codec."""
    return list(PREDICTORS)
