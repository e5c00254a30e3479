"""A third plugin: a small network of the built-in trainer that ships an int8 twin."""

from tinyai_registry import MLP, AdamW, CardText, Criterion, Input, Int8, KFold, Recipe, hookimpl

SLIM = Recipe(
    id="slim_v1",
    kind="fr",
    inputs=(Input("features", ("adm2", "vif_scale0", "vif_scale3", "motion2")),),
    target="vmaf",
    target_range=(0.0, 100.0),
    key=("dis_basename", "frame_index"),
    group="source",
    clip="dis_basename",
    dataset="stand-in",
    folds=KFold(2),
    criteria=(Criterion("plcc", "min", ">=", 0.8),),
    architecture=MLP(hidden=(16, 8), activation="relu"),
    training=AdamW(learning_rate=1e-2, weight_decay=0.0, batch_size=64, epochs=60),
    twins=(Int8(calibrate=256, budget=0.01),),
    license="MIT",
    dataset_license="CC0-1.0",
    decision="ADR-0003",
    scaler_in_graph=True,
    card=CardText("Slim", "A small network with an int8 twin.", "Tests.", "It is small."),
)


@hookimpl
def tinyai_recipes():
    return [SLIM]
