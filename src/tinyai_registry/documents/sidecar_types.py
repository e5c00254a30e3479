"""The sidecar as types, so that mypy sees the central document; a test holds them to ``sidecar.schema.json``.

A sidecar whose model was judged here has every key but those of twins, members and imports; one that was imported has
no evidence. Folds may have metrics of a plugin beside the standard ones: ``metric_of`` reads those.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict, cast

# A row of registry.json, in which keys that we have never heard of survive.
Row = Mapping[str, Any]


class AggregateDocument(TypedDict):
    """Statistics of one metric over folds."""

    mean: float | None
    std: float | None
    min: float | None
    max: float | None
    median: float | None
    spread: float | None
    undefined: NotRequired[str]


class MetricsDocument(TypedDict):
    """The standard metrics of one prediction, which tensors do not have."""

    plcc: NotRequired[float | None]
    srocc: NotRequired[float | None]
    krocc: NotRequired[float | None]
    rmse: NotRequired[float | None]
    undefined: NotRequired[dict[str, str]]


class FoldDocument(MetricsDocument):
    """One group held out."""

    group: str
    rows: int
    clips: int
    tied_targets: float


class EvaluationDocument(TypedDict):
    """A cross-validation, the test split, the reference model, the seeds, the release before, where there are such."""

    folds: list[FoldDocument]
    expected_groups: list[str]
    summary: dict[str, AggregateDocument]
    in_sample: NotRequired[MetricsDocument]
    test: NotRequired[FoldDocument]
    reference: NotRequired[EvaluationDocument]
    predictions_sha256: NotRequired[str]
    corpora: NotRequired[list[FoldDocument]]
    seeds: NotRequired[list[SeedDocument]]
    expected_seeds: NotRequired[list[int]]
    previous: NotRequired[EvaluationDocument]


class SeedDocument(TypedDict):
    """One member of an ensemble, judged by itself."""

    seed: int
    evaluation: EvaluationDocument


class PublishedDocument(TypedDict):
    """A figure from the literature."""

    metric: str
    value: float
    source: str


class ProtocolDocument(TypedDict):
    """An evaluation under a published protocol."""

    protocol: str
    scheme: NotRequired[dict[str, Any]]
    splits: int
    mapping: Literal["logistic4"] | None
    summary: dict[str, AggregateDocument]
    published: list[PublishedDocument]
    evaluation: NotRequired[EvaluationDocument]


class NoiseDocument(TypedDict):
    """Values that anyone can make again."""

    shape: list[int]
    seed: int
    low: float
    high: float
    sha256: str


class RowsDocument(TypedDict):
    """Rows as a tensor of the graph is fed them: the values of columns, or noise."""

    tensor: str
    values: NotRequired[list[list[float]]]
    noise: NotRequired[NoiseDocument]


class ScoresDocument(TypedDict):
    """What an output of the graph gives for those rows: every score, or some values of a tensor of this shape."""

    tensor: str
    values: list[float]
    shape: NotRequired[list[int]]
    positions: NotRequired[list[int]]


class TestVectorDocument(TypedDict):
    """Rows and scores that tell whether a loaded model is the published one."""

    inputs: list[RowsDocument]
    outputs: list[ScoresDocument]
    tolerance: float


class ArtifactDocument(TypedDict):
    """A file that ships."""

    path: str
    sha256: str
    bytes: int
    opset: NotRequired[int]
    parameters: NotRequired[int]
    parity_max_abs: NotRequired[float]
    measured: NotRequired[dict[str, float]]
    test_vector: NotRequired[TestVectorDocument]


class OriginDocument(TypedDict):
    """What the table was made from."""

    record_sha256: str
    logs: int
    libvmaf: list[str]


class CorpusDocument(TypedDict):
    """One of the files of a table."""

    corpus: str
    file: str
    sha256: str
    rows: int
    rows_used: int
    columns: int
    teacher_model: str | None
    extractor: str | None
    target_mean: float | None
    target_min: float | None
    target_max: float | None


class TableDocument(TypedDict):
    """The fingerprint of the table."""

    file: str
    sha256: str
    rows: int
    rows_used: NotRequired[int]
    columns: int
    groups: list[str]
    clips: int
    teacher_model: str | None
    extractor: str | None
    missing_cells: dict[str, int]
    feature_means: list[float]
    feature_stds: list[float]
    target_mean: float
    target_std: float
    target_min: float
    target_max: float
    origin: NotRequired[OriginDocument]
    corpora: NotRequired[list[CorpusDocument]]
    same: NotRequired[list[list[str]]]
    unlisted: NotRequired[dict[str, int]]


class VerdictDocument(TypedDict):
    """One criterion of the gate, judged."""

    criterion: str
    value: float | None
    passed: bool
    reason: NotRequired[str]


class CaveatDocument(TypedDict):
    """What a reader must know that does not block."""

    code: str
    message: str


class ColumnDriftDocument(TypedDict):
    """How far one column moved."""

    column: str
    mean_shift: float
    std_ratio: float


class DriftDocument(TypedDict):
    """How far the table moved since the previous release."""

    inputs: list[ColumnDriftDocument]
    target: NotRequired[ColumnDriftDocument | None]
    target_before: list[float] | None
    target_now: list[float]


class PreviousDocument(TypedDict):
    """The release before."""

    sha256: str | None
    metrics: dict[str, float]
    adopted: NotRequired[list[str]]


class ShippedDocument(TypedDict):
    """The registered model on the rows that the folds of its refresh hold out."""

    sha256: str | None
    summary: dict[str, AggregateDocument] | None
    why: NotRequired[str]


class GitDocument(TypedDict, total=False):
    """The checkout that a release was made in: ``commit`` and ``dirty``, or ``why`` no commit is known."""

    commit: str
    dirty: bool
    why: Literal["not installed", "no checkout", "dubious ownership", "no commit", "failed"]


class ProvenanceDocument(TypedDict):
    """How a release was made."""

    command: str
    reason: str | None
    time: str
    python: str
    packages: dict[str, str]
    cpu_capability: NotRequired[str]
    git: GitDocument | None
    seeds: list[int]


class InputDocument(TypedDict):
    """A tensor, and the columns that it is fed; or one that the plugin gives."""

    tensor: NotRequired[str]
    columns: NotRequired[list[str]]
    Tensor: NotRequired[dict[str, Any]]
    standardise: NotRequired[bool]
    sidecar_key: NotRequired[str]


class FilledInputDocument(TypedDict):
    """How one of several inputs is filled; without ``mean`` and ``std`` it is fed as it is."""

    tensor: str
    columns: list[str]
    mean: NotRequired[list[float]]
    std: NotRequired[list[float]]
    fill: NotRequired[list[float]]


class RecipeDocument(TypedDict):
    """What readers of the embedded recipe look for; it has more."""

    id: str
    folds: dict[str, Any] | None
    inputs: list[InputDocument]
    target: str | dict[str, Any]
    target_range: list[float]
    rows: NotRequired[list[dict[str, Any]]]
    batch: NotRequired[str]
    output_rank: NotRequired[int]
    criteria: list[dict[str, Any]]
    seed: NotRequired[int]
    ensemble: NotRequired[dict[str, Any]]
    protocols: NotRequired[list[dict[str, Any]]]
    twins: NotRequired[list[dict[str, Any]]]


class CardDocument(TypedDict):
    """The words of the card."""

    title: str
    summary: str
    intended_use: str
    limits: str
    sections: dict[str, str]
    layout: NotRequired[int]


class MemberDocument(TypedDict):
    """A member of an ensemble that ships separately."""

    id: str
    onnx: str
    sha256: str
    seed: int


class PluginDocument(TypedDict):
    """Which plugin made the model."""

    distribution: str
    version: str


class TrainingDocument(TypedDict, total=False):
    """Headline figures, for readers of earlier sidecars."""

    dataset: str
    n_sources: int
    n_pairs: int
    in_sample_plcc: float
    loso_mean_plcc: float
    loso_std_plcc: float
    loso_mean_srocc: float
    loso_mean_rmse: float
    cv_mean_plcc: float
    cv_std_plcc: float
    cv_mean_srocc: float
    cv_mean_rmse: float


class PlotDocument(TypedDict):
    """The plot of a release."""

    path: str
    sha256: str


class UpstreamDocument(TypedDict):
    """Where a model is from that others made, and what was done to its file here."""

    source: str
    commit: str | None
    file: str
    sha256: str
    changes: list[str]


class Sidecar(TypedDict):
    """``<stem>.json``: how to call a model, what it was trained on, how it was judged."""

    schema_version: Literal[1]
    kind: Literal["fr", "nr", "filter"]
    id: str
    name: str
    onnx: str
    sha256: str
    opset: int
    onnx_opset: int
    input_name: str
    input_names: list[str]
    output_name: str
    output_names: list[str]
    notes: str
    license: str
    artifacts: list[ArtifactDocument]
    imported_from: NotRequired[Literal["packaged", "runtime", "upstream"]]
    upstream: NotRequired[UpstreamDocument]
    published: NotRequired[list[PublishedDocument]]
    feature_order: NotRequired[list[str]]
    feature_mean: NotRequired[list[float]]
    feature_std: NotRequired[list[float]]
    feature_fill: NotRequired[list[float]]
    onnx_has_scaler: NotRequired[bool]
    inputs: NotRequired[list[FilledInputDocument]]
    target: NotRequired[str]
    target_range: NotRequired[list[float]]
    training: NotRequired[TrainingDocument]
    recipe: NotRequired[RecipeDocument]
    recipe_fingerprint: NotRequired[str]
    stage: NotRequired[Literal["proposed", "production"]]
    extra: NotRequired[dict[str, Any]]
    members: NotRequired[list[MemberDocument]]
    member_of: NotRequired[str]
    previous_id: NotRequired[str]
    protocols: NotRequired[list[ProtocolDocument]]
    plugin: NotRequired[PluginDocument]
    card: NotRequired[CardDocument]
    dataset_license: NotRequired[str]
    decision: NotRequired[str]
    table: NotRequired[TableDocument]
    evaluation: NotRequired[EvaluationDocument]
    in_sample: NotRequired[MetricsDocument]
    gate: NotRequired[list[VerdictDocument]]
    caveats: NotRequired[list[CaveatDocument]]
    plot: NotRequired[PlotDocument]
    drift: NotRequired[DriftDocument | None]
    previous: NotRequired[PreviousDocument | None]
    shipped: NotRequired[ShippedDocument | None]
    provenance: NotRequired[ProvenanceDocument]
    quant_mode: NotRequired[Literal["fp32", "dynamic", "static", "qat"]]
    quant_accuracy_budget_plcc: NotRequired[float]
    quant_plcc_loss: NotRequired[float]
    int8_sha256: NotRequired[str]
    encoder_vocab: NotRequired[list[str]]
    encoder_vocab_version: NotRequired[int]
    codec_block_layout: NotRequired[list[str]]
    codec_preset_norm: NotRequired[Literal["ordinal", "constant"]]
    codec_preset_value: NotRequired[float]
    codec_crf_norm: NotRequired[Literal["div63", "minmax"]]
    codec_crf_min: NotRequired[float]
    codec_crf_max: NotRequired[float]
    legacy: NotRequired[dict[str, Any]]


def metric_of(metrics: MetricsDocument, name: str) -> float | None:
    """The metric ``name``, a plugin's too; None where it is undefined or absent."""
    value = metrics.get(name)
    return value if isinstance(value, int | float) else None


def as_sidecar(document: Mapping[str, Any]) -> Sidecar:
    """``document``, which is valid by the schema of sidecars, for mypy."""
    return cast("Sidecar", document)
