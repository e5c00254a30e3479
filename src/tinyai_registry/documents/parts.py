"""Write the parts that sidecar and report share as JSON, and read the evaluation back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from tinyai_registry.documents.sidecar_types import (
    ArtifactDocument,
    EvaluationDocument,
    FoldDocument,
    MetricsDocument,
    NoiseDocument,
    ShippedDocument,
    metric_of,
)
from tinyai_registry.evaluation import (
    Aggregate,
    Caveat,
    Drift,
    Evaluation,
    Fold,
    Judgement,
    Metrics,
    ProtocolResult,
    Shipped,
    TableFingerprint,
    Verdict,
    aggregate,
)
from tinyai_registry.recipe import plain
from tinyai_registry.release import Artifact, Noise, Previous, Sampled, Vector

Json = dict[str, Any]

# The rows of "previous against refresh", and what people call them.
HEADLINES: Mapping[str, str] = {
    "mean_plcc": "mean PLCC",
    "std_plcc": "PLCC std",
    "mean_srocc": "mean SROCC",
    "mean_rmse": "mean RMSE",
    "in_sample_plcc": "in-sample PLCC",
}


def headlines(
    evaluation: EvaluationDocument | ShippedDocument, in_sample: MetricsDocument | None
) -> dict[str, float | None]:
    """The headline figures of a sidecar or a report; none of what could not be run."""
    summary = evaluation["summary"]
    if summary is None:
        return dict.fromkeys(HEADLINES)
    if not summary.keys() >= {"plcc", "srocc", "rmse"}:  # what it gives is a tensor
        return {}
    return {
        "mean_plcc": summary["plcc"]["mean"],
        "std_plcc": summary["plcc"]["std"],
        "mean_srocc": summary["srocc"]["mean"],
        "mean_rmse": summary["rmse"]["mean"],
        "in_sample_plcc": None if in_sample is None else in_sample.get("plcc"),
    }


def headlines_of_training(training: Mapping[str, Any]) -> dict[str, float]:
    """The same from the ``training`` object, which sidecars of other tools have too."""
    return {
        name: float(value)
        for name in HEADLINES
        for key, value in training.items()
        if key.removeprefix("loso_").removeprefix("cv_") == name and type(value) in (int, float)
    }


def judgement_document(judgement: Judgement) -> Json:
    """``table``, ``evaluation``, ``in_sample``, ``gate``, ``caveats`` and ``shipped``."""
    return {
        "table": table_document(judgement.table),
        "evaluation": evaluation_document(judgement.evaluation),
        "in_sample": metrics_document(judgement.evaluation.in_sample),
        "gate": [verdict_document(verdict) for verdict in judgement.verdicts],
        "caveats": [caveat_document(caveat) for caveat in judgement.caveats],
        "shipped": shipped_document(judgement.shipped),
    }


def shipped_document(shipped: Shipped | None) -> Json | None:
    """``sha256`` and ``summary``; ``why`` where that is null."""
    if shipped is None:
        return None
    summary = None if shipped.summary is None else _summary_document(shipped.summary)
    return _without_none({"sha256": shipped.sha256, "summary": summary, "why": shipped.why}, "why")


def _summary_document(summary: Mapping[str, Aggregate]) -> Json:
    return {metric: _without_none(asdict(aggregate), "undefined") for metric, aggregate in summary.items()}


def table_document(table: TableFingerprint) -> Json:
    """As the fields of TableFingerprint, but for what says no more than the others, and for an unknown origin."""
    document: Json = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(table).items()}
    document["same"] = [list(names) for names in table.same]
    if table.origin is not None:
        document["origin"]["libvmaf"] = list(table.origin.libvmaf)
    telling = {"rows_used": table.rows_used != table.rows}
    telling |= {key: bool(document[key]) for key in ("origin", "corpora", "same", "unlisted")}
    return {key: value for key, value in document.items() if telling.get(key, True)}


def evaluation_document(evaluation: Evaluation) -> Json:
    """``folds``, ``expected_groups``, ``summary``; ``test``, ``reference``, ``seeds``, ``previous`` where there are."""
    document: Json = {
        "folds": [_fold_document(fold) for fold in evaluation.folds],
        "expected_groups": list(evaluation.expected_groups),
        "summary": _summary_document(evaluation.summary),
    }
    if evaluation.test is not None:
        document["test"] = _fold_document(evaluation.test)
    if evaluation.reference is not None:
        document["reference"] = _inner_evaluation(evaluation.reference)
    if evaluation.expected_seeds:
        each = [{"seed": seed, "evaluation": _inner_evaluation(by)} for seed, by in evaluation.seeds.items()]
        document |= {"seeds": each, "expected_seeds": list(evaluation.expected_seeds)}
    if evaluation.previous is not None:
        document["previous"] = _inner_evaluation(evaluation.previous)
    if evaluation.predictions_sha256 is not None:
        document["predictions_sha256"] = evaluation.predictions_sha256
    if evaluation.corpora:
        document["corpora"] = [_fold_document(fold) for fold in evaluation.corpora]
    return document


def _inner_evaluation(evaluation: Evaluation) -> Json:
    """With what stands at the top of a sidecar for the evaluation of the model itself."""
    return {**evaluation_document(evaluation), "in_sample": metrics_document(evaluation.in_sample)}


def protocol_document(result: ProtocolResult) -> Json:
    """``protocol``, ``scheme``, ``splits``, ``mapping``, ``summary`` and what was ``published``.

    The whole ``evaluation`` where the protocol has criteria, which are judged on it.
    """
    protocol, evaluation = result.protocol, _inner_evaluation(result.evaluation)
    document: Json = {
        "protocol": protocol.name,
        "scheme": plain(protocol.scheme),
        "splits": len(evaluation["folds"]),
        "mapping": protocol.mapping,
        "summary": evaluation["summary"],
        "published": [asdict(figure) for figure in protocol.published],
    }
    return {**document, "evaluation": evaluation} if protocol.criteria else document


def metrics_document(metrics: Metrics) -> Json:
    """Values by name, ``null`` where undefined, and ``undefined: {metric: reason}`` where there are such."""
    undefined = {"undefined": dict(metrics.undefined)} if metrics.undefined else {}
    return {**metrics.values, **undefined}


def verdict_document(verdict: Verdict) -> Json:
    """``criterion``, ``value``, ``passed``, and ``reason`` where there is one."""
    return _without_none(asdict(verdict), "reason")


def caveat_document(caveat: Caveat) -> Json:
    """``code`` and ``message``."""
    return asdict(caveat)


def artifact_document(artifact: Artifact) -> Json:
    """What is known of a file; ``parameters`` if they were counted, ``measured`` if anything was."""
    document: Json = {
        "path": artifact.path,
        "sha256": artifact.sha256,
        "bytes": len(artifact.data),
        "opset": artifact.opset,
        "parity_max_abs": artifact.parity_max_abs,
        "test_vector": vector_document(artifact.vector),
    }
    counted = {} if artifact.parameters is None else {"parameters": artifact.parameters}
    measured = {"measured": dict(artifact.measured)} if artifact.measured else {}
    return {**document, **counted, **measured}


def artifact_figures(artifact: ArtifactDocument) -> dict[str, float]:
    """What criteria on artifacts may ask of a file, from its sidecar: see ``Artifact.figures``."""
    known = {"bytes": float(artifact["bytes"]), **artifact.get("measured", {})}
    return known | ({"parity_max_abs": artifact["parity_max_abs"]} if "parity_max_abs" in artifact else {})


def vector_document(vector: Vector) -> Json:
    """``inputs`` and ``outputs`` (each a list of ``tensor`` and ``values``) and ``tolerance``."""
    # Not by tensor name: the C reader takes the first key of a name that it knows, wherever it stands.
    return {
        "inputs": [
            {"tensor": tensor} | ({"noise": _listed(fed)} if isinstance(fed, Noise) else {"values": fed})
            for tensor, fed in vector.inputs.items()
        ],
        "outputs": [
            {"tensor": tensor} | (_listed(given) if isinstance(given, Sampled) else {"values": given})
            for tensor, given in vector.outputs.items()
        ],
        "tolerance": vector.tolerance,
    }


def _listed(part: Noise | Sampled) -> Json:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(part).items()}


def noise_of(found: NoiseDocument) -> Noise:
    """The noise that a test vector speaks of."""
    return Noise(tuple(found["shape"]), found["seed"], found["low"], found["high"], found["sha256"])


def previous_document(previous: Previous | None) -> Json | None:
    """``sha256``, ``metrics``, and ``adopted`` where the release before had no recipe fingerprint."""
    if previous is None:
        return None
    document: Json = {"sha256": previous.sha256, "metrics": dict(previous.metrics)}
    if previous.adopted is not None:
        document["adopted"] = list(previous.adopted)
    return document


def drift_document(drift: Drift | None) -> Json | None:
    """``inputs`` and ``target`` (column, mean_shift, std_ratio), ``target_before`` and ``target_now``."""
    if drift is None:
        return None
    return {
        "inputs": [asdict(moved) for moved in drift.inputs],
        "target": asdict(drift.target) if drift.target else None,
        "target_before": list(drift.target_before) if drift.target_before else None,
        "target_now": list(drift.target_now),
    }


def _fold_document(fold: Fold) -> Json:
    return {
        "group": fold.group,
        "rows": fold.rows,
        "clips": fold.clips,
        "tied_targets": fold.tied_targets,
        **metrics_document(fold.metrics),
    }


def _without_none(document: Json, key: str) -> Json:
    if document[key] is None:
        del document[key]
    return document


def evaluation_of(found: EvaluationDocument, in_sample: MetricsDocument | None = None) -> Evaluation:
    """The evaluation in a sidecar that is valid by its schema; its aggregates are computed anew from its folds."""
    folds = [_fold(fold) for fold in found["folds"]]
    own = found.get("in_sample") if in_sample is None else in_sample
    return Evaluation(
        folds=tuple(folds),
        expected_groups=tuple(found["expected_groups"]),
        summary={name: aggregate(name, folds) for name in found["summary"]},
        in_sample=Metrics({}) if own is None else _metrics(own),
        test=_fold(found["test"]) if "test" in found else None,
        reference=evaluation_of(found["reference"]) if "reference" in found else None,
        seeds={each["seed"]: evaluation_of(each["evaluation"]) for each in found.get("seeds", ())},
        expected_seeds=tuple(found.get("expected_seeds", ())),
        previous=evaluation_of(found["previous"]) if "previous" in found else None,
        predictions_sha256=found.get("predictions_sha256"),
        corpora=tuple(map(_fold, found.get("corpora", ()))),
    )


def _fold(fold: FoldDocument) -> Fold:
    return Fold(fold["group"], fold["rows"], fold["clips"], fold["tied_targets"], _metrics(fold))


def _metrics(metrics: MetricsDocument) -> Metrics:
    values = {name: metric_of(metrics, name) for name in metrics if name not in _NO_METRIC}
    return Metrics(values, metrics.get("undefined", {}))


_NO_METRIC = {"group", "rows", "clips", "tied_targets", "undefined"}
