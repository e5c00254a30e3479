"""A release described without a lab: these tests run in the light installation too."""

from __future__ import annotations

import pytest

from tinyai_registry import (
    Aggregate,
    CardText,
    Caveat,
    Criterion,
    Description,
    Evaluation,
    Fold,
    Input,
    KFold,
    Metrics,
    Protocol,
    Published,
    Recipe,
    RepeatedHoldout,
    Verdict,
)
from tinyai_registry.documents.sidecar import compose
from tinyai_registry.evaluation import ColumnDrift, Drift, Judgement, ProtocolResult, TableFingerprint
from tinyai_registry.release import Artifact, Candidate, Previous, Vector
from tinyai_registry.release.provenance import Git, Provenance

RECIPE = Recipe(
    id="tone_v1",
    kind="nr",
    inputs=(Input("x", ("low", "high")),),
    target="mos",
    target_range=(1.0, 5.0),
    key=("clip",),
    group="scene",
    clip="clip",
    dataset="made-up",
    folds=KFold(2),
    criteria=(Criterion("plcc", "mean", ">=", 0.5),),
    license="MIT",
    dataset_license="CC0-1.0",
    decision="ADR-0009",
    card=CardText("Tone", "Tells tones apart.", "Demonstrations.", "Two tones only."),
    scaler_in_graph=True,
    stage="proposed",
)
PROTOCOL = Protocol(
    "ten-splits",
    RepeatedHoldout(10),
    mapping="logistic4",
    published=(Published("plcc", 0.75, "Ear et al., 1999"), Published("krocc", 0.5, "Ear et al., 1999")),
)
DESCRIPTION = Description(
    extra={"distance": 3.0},
    schema={"type": "object", "properties": {"distance": {"type": "number"}}},
    sections={"Viewing conditions": "Three picture heights.", "Ambient light": "Dim."},
)
TABLE = TableFingerprint(
    file="tones.parquet",
    sha256="a" * 64,
    rows=20,
    rows_used=20,
    columns=5,
    groups=("hill", "lake"),
    clips=4,
    teacher_model=None,
    extractor="ears 1.0",
    missing_cells={},
    feature_means=(0.5, 0.25),
    feature_stds=(0.1, 0.2),
    target_mean=3.0,
    target_std=1.0,
    target_min=1.5,
    target_max=4.5,
)
DEFINED = Metrics({"plcc": 0.9, "srocc": 0.8, "krocc": 0.7, "rmse": 0.25})
ONE_ROW = Metrics({"plcc": 0.7, "srocc": None, "krocc": 0.5, "rmse": 0.75}, {"srocc": "the prediction is constant (3)"})


@pytest.fixture
def judgement() -> Judgement:
    folds = (Fold("fold-1", 10, 2, 0.2, DEFINED), Fold("fold-2", 10, 2, 0.6, ONE_ROW))
    summary = {
        "plcc": Aggregate(0.8, 0.1414, 0.7, 0.9, 0.8, 0.2),
        "srocc": Aggregate(None, None, None, None, None, None, "undefined in fold-2"),
        "krocc": Aggregate(0.6, 0.1414, 0.5, 0.7, 0.6, 0.2),
        "rmse": Aggregate(0.5, 0.3536, 0.25, 0.75, 0.5, 0.5),
    }
    evaluation = Evaluation(folds, ("fold-1", "fold-2"), summary, DEFINED)
    complete = Verdict("every group held out once (2 folds)", 2.0, True)
    verdicts = (
        complete,
        Verdict("mean PLCC over folds >= 0.5", 0.8, True),
    )
    return Judgement(TABLE, evaluation, verdicts, (Caveat("tied-targets", "fold-2: 60.0% of the targets"),))


@pytest.fixture
def artifact() -> Artifact:
    vector = Vector({"x": [[0.5, 0.25], [0.75, 0.5]]}, {"score": [1.5, 4.5]}, 0.0004)
    return Artifact("tone_v1.onnx", b"graph", 17, 1e-6, vector)


@pytest.fixture
def drift() -> Drift:
    inputs = ColumnDrift("low", 0.5, 1.0), ColumnDrift("high", 0.0, 2.0)
    return Drift(inputs, ColumnDrift("score", 0.25, 1.0), (1.0, 4.0), (1.5, 4.5))


@pytest.fixture
def previous() -> Previous:
    return Previous("b" * 64, {"mean_plcc": 0.75})


@pytest.fixture
def sidecar(judgement, artifact, drift, previous) -> dict:
    """A sidecar with something in every field."""
    made = Provenance(
        command="tinyai refresh tone_v1 --table tones.parquet",
        reason="The ears were fixed.",
        time="2026-01-02T03:04:05Z",
        python="3.11.7",
        packages={"onnx": "1.20"},
        cpu_capability="AVX2",
        git=Git("c" * 40, dirty=True),
        seeds=(0,),
    )
    return compose(
        Candidate(
            recipe=RECIPE,
            plugin=("tinyai-tone", "1.0"),
            judgement=judgement,
            artifacts=(artifact,),
            scaler=None,
            protocols=(ProtocolResult(PROTOCOL, judgement.evaluation),),
            description=DESCRIPTION,
            provenance=made,
        ),
        drift,
        previous,
    )
