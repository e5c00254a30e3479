"""A third plugin, which asks of the core all that the first two leave alone: it brings no code but its declaration."""

from tinyai_registry import (
    MLP,
    AdamW,
    CardText,
    Criterion,
    Description,
    Ensemble,
    GroupKFold,
    HeldOut,
    Input,
    MeanBy,
    Protocol,
    Published,
    Recipe,
    RepeatedHoldout,
    hookimpl,
    one_hot,
)

CODECS = one_hot("codec", ("x264", "x265", "vp9", "svtav1", "mpeg2"))

PANEL = Recipe(
    id="panel_v1",
    kind="nr",
    inputs=(
        Input("features", ("adm2", "vif_scale0", "motion2")),
        Input("codec_onehot", tuple(codec.column for codec in CODECS)),
    ),
    derived=CODECS,
    missing="median",
    target="vmaf",
    target_range=(0.0, 100.0),
    key=("dis_basename", "frame_index"),
    group="source",
    clip="dis_basename",
    dataset="stand-in",
    folds=HeldOut(GroupKFold(3), test=0.2),
    reference=MeanBy("codec"),
    criteria=(
        Criterion("srocc", "mean", ">=", 0.03, against="difference"),
        Criterion("rmse", "mean", "<=", 0.97, against="ratio"),
        Criterion("plcc", "mean", ">=", 0.5, part="test"),
        Criterion("plcc", "spread", "<=", 0.5),
    ),
    architecture=MLP((16,), squash=3.0, bounded=True),
    training=AdamW(learning_rate=1e-2, weight_decay=0.0, batch_size=64, epochs=6),
    ensemble=Ensemble(2, separate=True),
    scaler_in_graph=True,
    stage="proposed",
    protocols=(
        Protocol("plain", RepeatedHoldout(2)),
        Protocol("mapped", RepeatedHoldout(2), "logistic4", (Published("plcc", 0.5, "Somebody et al., 1999"),)),
    ),
    license="MIT",
    dataset_license="CC-BY-NC-4.0 (no commercial use)",
    decision="ADR-0003",
    card=CardText("Panel", "Two networks.", "Tests.", "It is small."),
)
SCHEMA = {
    "type": "object",
    "required": ["viewing_distance"],
    "properties": {"viewing_distance": {"type": "number", "exclusiveMinimum": 0}},
    "additionalProperties": False,
}


@hookimpl
def tinyai_recipes():
    return [PANEL]


@hookimpl
def tinyai_describe(recipe, evaluation):
    sections = {"Viewing conditions": f"Three picture heights, judged in {len(evaluation.folds)} folds."}
    return Description(extra={"viewing_distance": 3.0}, schema=SCHEMA, sections=sections)
