"""A second plugin, as unlike the first as it can be: it keeps the core honest."""

import numpy as np
import onnx

from tinyai_registry import CardText, Criterion, Input, KFold, Recipe, hookimpl

DUO = Recipe(
    id="duo_v1",
    kind="nr",
    inputs=(Input("spatial", ("vif_scale0", "vif_scale1")), Input("temporal", ("adm2", "motion2"))),
    target="vmaf",
    target_range=(0.0, 100.0),
    key=("dis_basename", "frame_index"),
    group="source",
    clip="dis_basename",
    dataset="stand-in",
    folds=KFold(3),
    criteria=(Criterion("plcc", "min", ">=", 0.8), Criterion("mae", "mean", "<=", 9.0)),
    license="MIT",
    dataset_license="CC0-1.0",
    decision="ADR-0002",
    scaler_in_graph=True,
    card=CardText("Duo", "A linear model on two inputs.", "Tests.", "It is linear."),
)
GRAPH = """<ir_version: 8, opset_import: ["": 17]>
duo (float[N, 2] spatial, float[N, 2] temporal) => (float[N] score)
<float[4, 1] w = {%s}, float[1] b = {%s}, int64[1] last = {1}>
{ x = Concat<axis = 1>(spatial, temporal)  %s  score = Squeeze(y, last) }"""


class Linear:
    standardisation = None

    def __init__(self, features, target):
        self.weights = np.linalg.lstsq(np.c_[features, np.ones(len(target))], target)[0]

    def predict(self, inputs):
        return np.c_[inputs["spatial"], inputs["temporal"]] @ self.weights[:-1] + self.weights[-1]


@hookimpl
def tinyai_recipes():
    return [DUO]


@hookimpl
def tinyai_train(recipe, table, fits):
    return [Linear(table.features[fit.rows], table.target[fit.rows]) for fit in fits]


@hookimpl
def tinyai_evaluate(recipe, held_out):
    return [{"mae": float(np.abs(part.prediction - part.target).mean())} for part in held_out]


@hookimpl
def tinyai_export(recipe, models):
    *w, b = map(str, models[0].weights.tolist())
    graphs = {"duo_v1": "y = Gemm(x, w, b)", "duo_v1.plain": "p = MatMul(x, w) y = Add(p, b)"}
    return {name: onnx.parser.parse_model(GRAPH % (", ".join(w), b, y)) for name, y in graphs.items()}
