"""Training and evaluating a model on the folds of a table: every fold is judged on rows that its models never saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tinyai_registry.errors import PluginError
from tinyai_registry.evaluation import (
    Aggregate,
    Evaluation,
    Fold,
    HeldOutRows,
    Metrics,
    ProtocolResult,
    TrainedModel,
    aggregate,
)
from tinyai_registry.lab import folds, metrics
from tinyai_registry.lab.ensemble import mean_prediction
from tinyai_registry.lab.predictions import digest_predictions
from tinyai_registry.lab.reference import reference_prediction
from tinyai_registry.lab.table import Table
from tinyai_registry.plugins.owner import Owner
from tinyai_registry.recipe import Protocol, Scheme


@dataclass(frozen=True)
class Trained:
    """What was trained on ``table``: for each split of ``plan`` the members of its model, and the final model's."""

    table: Table
    plan: folds.Plan
    folds: tuple[tuple[TrainedModel, ...], ...]
    final: tuple[TrainedModel, ...]


def train_folds(owner: Owner, table: Table, scheme: Scheme) -> Trained:
    """Train a model on each split of ``scheme``, and the final one, all in one call of the owner's ``tinyai_train``."""
    plan = folds.plan(table, scheme)
    models = owner.call("tinyai_train", table=table, fits=folds.fits(plan, owner.recipe.seeds))
    size = len(owner.recipe.seeds)
    *fold_models, final = (tuple(models[k : k + size]) for k in range(0, len(models), size))
    return Trained(table, plan, tuple(fold_models), final)


def evaluate_folds(owner: Owner, trained: Trained) -> Evaluation:
    """Every fold, and the test split if there is one, judged on what was held out."""
    table, plan = trained.table, trained.plan
    parts = _predict_folds(owner, trained)
    if plan.test is not None:
        parts.append(_predict(owner, trained.final, table, plan.test))
    judged = _folds(owner, table, parts)
    within = judged[: len(plan.splits)]
    return Evaluation(
        folds=tuple(within),
        expected_groups=_groups(plan),
        summary=_summary(within),
        in_sample=_in_sample(owner, trained),
        test=judged[-1] if plan.test else None,
        reference=_reference(table, plan),
        predictions_sha256=digest_predictions(parts),
    )


def evaluate_protocol(owner: Owner, table: Table, protocol: Protocol) -> ProtocolResult:
    """The recipe, trained and evaluated as ``protocol`` says."""
    trained = train_folds(owner, table, protocol.scheme)
    compute = metrics.mapped_metrics if protocol.mapping == "logistic4" else metrics.standard_metrics
    judged = [_fold(table, part, compute(part.prediction, part.target)) for part in _predict_folds(owner, trained)]
    evaluation = Evaluation(tuple(judged), _groups(trained.plan), _summary(judged), _in_sample(owner, trained))
    return ProtocolResult(protocol, evaluation)


def _predict_folds(owner: Owner, trained: Trained) -> list[HeldOutRows]:
    splits = zip(trained.folds, trained.plan.splits, strict=True)
    return [_predict(owner, models, trained.table, split) for models, split in splits]


def _groups(plan: folds.Plan) -> tuple[str, ...]:
    return tuple(split.group for split in plan.splits)


def _predict(owner: Owner, models: Sequence[TrainedModel], table: Table, split: folds.Split) -> HeldOutRows:
    rows = split.held_out
    with owner.plugin.blame_for(f"predict of the model of {split.group}"):
        prediction = mean_prediction(models, table.inputs(rows))
        if prediction.shape != rows.shape:
            raise PluginError(f"gave {prediction.shape} for {len(rows)} rows")
        finite = np.isfinite(prediction)
        if not finite.all():
            raise PluginError(f"gave {prediction[~finite][0]} for row {rows[~finite][0]} of the table")
    return HeldOutRows(split.group, rows, table.target[rows], prediction)


def _folds(owner: Owner, table: Table, parts: Sequence[HeldOutRows]) -> list[Fold]:
    extras: Sequence[Mapping[str, float]] = owner.call("tinyai_evaluate", held_out=parts)
    standard = [metrics.standard_metrics(part.prediction, part.target) for part in parts]
    return [
        _fold(table, part, metrics.extend(computed, extra))
        for part, computed, extra in zip(parts, standard, extras, strict=True)
    ]


def _fold(table: Table, part: HeldOutRows, judged: Metrics) -> Fold:
    return Fold(
        group=part.group,
        rows=len(part.rows),
        clips=table.clips(part.rows),
        tied_targets=metrics.tied_targets(part.target),
        metrics=judged,
    )


def _in_sample(owner: Owner, trained: Trained) -> Metrics:
    rows = trained.plan.development
    everything = _predict(owner, trained.final, trained.table, folds.Split("final", rows, rows))
    return metrics.standard_metrics(everything.prediction, everything.target)


def _reference(table: Table, plan: folds.Plan) -> Evaluation | None:
    """The recipe's reference model on the same splits."""
    reference = table.recipe.reference
    if reference is None:
        return None

    def judged(split: folds.Split) -> Fold:
        guess = reference_prediction(reference, table, split.train, split.held_out)
        target = table.target[split.held_out]
        part = HeldOutRows(split.group, split.held_out, target, guess)
        return _fold(table, part, metrics.standard_metrics(guess, target))

    within = [judged(split) for split in plan.splits]
    everything = judged(folds.Split("final", plan.development, plan.development))
    return Evaluation(
        folds=tuple(within),
        expected_groups=_groups(plan),
        summary=_summary(within),
        in_sample=everything.metrics,
        test=judged(plan.test) if plan.test else None,
    )


def _summary(judged: Sequence[Fold]) -> dict[str, Aggregate]:
    names = dict.fromkeys(name for fold in judged for name in fold.metrics.values)
    return {name: aggregate(name, judged) for name in names}
