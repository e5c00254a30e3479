"""The story of an evaluation: read the table, train every fold, judge what was held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinyai_registry import gate
from tinyai_registry.errors import PluginError, RecipeError
from tinyai_registry.evaluation import Aggregate, Evaluation, Fold, Metrics, ProtocolResult, aggregate
from tinyai_registry.lab import caveats, folds, metrics
from tinyai_registry.lab.ensemble import mean_prediction
from tinyai_registry.lab.reference import reference_prediction
from tinyai_registry.lab.table import Table, read_table
from tinyai_registry.model import HeldOut, TrainedModel
from tinyai_registry.outcome import Judgement, Outcome
from tinyai_registry.plugins import Plugin, Plugins
from tinyai_registry.progress import Progress
from tinyai_registry.recipe import Protocol, Recipe


@dataclass(frozen=True)
class Bench:
    """Who judges a model: its owner and recipe, the plugins that may be asked, and those that set policy."""

    plugins: Plugins
    owner: Plugin
    recipe: Recipe
    policy: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judged:
    """A judgement, the table it rests on, and the final model that it is about: one member, or several."""

    judgement: Judgement
    table: Table
    final: tuple[TrainedModel, ...]


def bench(plugins: Plugins, model: str, policy: tuple[str, ...] = ()) -> Bench:
    """The bench for ``model``.

    Raises PluginError if no plugin, or more than one, declares it, or one that ``policy`` names cannot be asked.
    """
    owner, recipe = plugins.owner(model)
    for name in policy:
        try:
            plugins.active(name)
        except PluginError as error:
            raise PluginError(f"tinyai.toml, [policy]: {error}") from error
    return Bench(plugins, owner, recipe, policy)


def evaluate(where: Bench, path: Path, progress: Progress, protocol: str | None = None) -> Outcome:
    """Folds and verdict of a model on the table at ``path``, or its figures under one protocol. Writes nothing.

    Raises RecipeError if the recipe declares no such protocol.
    """
    if protocol is None:
        judged = judge(where, path, None, progress)
        return Outcome(where.recipe.id, "evaluated", judged.judgement)
    declared = {p.name: p for p in where.recipe.protocols}
    if protocol not in declared:
        known = ", ".join(declared) or "none"
        raise RecipeError(f"{where.recipe.id} declares no protocol {protocol!r}; it declares: {known}")
    with progress.step("read table"):
        table = read_table(path, where.recipe)
    result = under_protocol(where, table, declared[protocol], progress)
    judgement = Judgement(table.fingerprint, result.evaluation, (), ())
    return Outcome(where.recipe.id, "evaluated", judgement)


def judge(where: Bench, path: Path, previous: Mapping[str, Any] | None, progress: Progress) -> Judged:
    """Train all fits on the table at ``path``, evaluate each fold on what it held out, and hold it to the gate.

    ``previous`` is the registered sidecar, for criteria that look back.
    """
    recipe = where.recipe
    with progress.step("read table"):
        table = read_table(path, recipe)
        plan = folds.plan(table, recipe.folds)
    with progress.step("train"):
        *fold_models, final = _trained(where, table, plan)
    with progress.step("evaluate"):
        evaluation = _evaluated(where, table, plan, fold_models, final)
    for fold in (*evaluation.folds, *([evaluation.test] if evaluation.test else [])):
        progress.fold(fold)
    with progress.step("gate"):
        policy = where.plugins.gather(
            "tinyai_gate",
            (where.owner.name, *where.policy),
            recipe=recipe,
            evaluation=evaluation,
            previous=previous,
        )
        criteria = (*recipe.criteria, *policy)
        verdicts = gate.judge(evaluation, criteria)
    notable = (
        *caveats.evaluation_caveats(evaluation, criteria),
        *caveats.table_caveats(table.fingerprint, recipe),
    )
    return Judged(Judgement(table.fingerprint, evaluation, verdicts, notable), table, final)


def under_protocol(where: Bench, table: Table, protocol: Protocol, progress: Progress) -> ProtocolResult:
    """The recipe, trained and evaluated as ``protocol`` says."""
    plan = folds.plan(table, protocol.scheme)
    compute = metrics.mapped_metrics if protocol.mapping == "logistic4" else metrics.standard_metrics
    with progress.step(f"protocol {protocol.name}"):
        *fold_models, final = _trained(where, table, plan)
        judged = []
        for models, split in zip(fold_models, plan.splits, strict=True):
            part = _hold_out(where, models, table, split)
            judged.append(_fold(table, part, compute(part.prediction, part.target)))
    groups = tuple(split.group for split in plan.splits)
    evaluation = Evaluation(tuple(judged), groups, _summary(judged), _in_sample(where, final, table, plan))
    return ProtocolResult(protocol, evaluation)


def _trained(where: Bench, table: Table, plan: folds.Plan) -> list[tuple[TrainedModel, ...]]:
    """The members of each split's model, and last those of the final model."""
    fits = folds.fits(plan, where.recipe.seeds)
    models = where.plugins.call("tinyai_train", where.owner, recipe=where.recipe, table=table, fits=fits)
    size = len(where.recipe.seeds)
    return [tuple(models[k : k + size]) for k in range(0, len(models), size)]


def _evaluated(
    where: Bench,
    table: Table,
    plan: folds.Plan,
    fold_models: Sequence[Sequence[TrainedModel]],
    final: Sequence[TrainedModel],
) -> Evaluation:
    """Every fold, and the test split if there is one, judged on the rows that its models never saw."""
    parts = [_hold_out(where, models, table, split) for models, split in zip(fold_models, plan.splits, strict=True)]
    if plan.test is not None:
        parts.append(_hold_out(where, final, table, plan.test))
    judged = _folds(where, table, parts)
    within = judged[: len(plan.splits)]
    return Evaluation(
        folds=tuple(within),
        expected_groups=tuple(split.group for split in plan.splits),
        summary=_summary(within),
        in_sample=_in_sample(where, final, table, plan),
        test=judged[-1] if plan.test else None,
        reference=_reference(table, plan),
    )


def _hold_out(where: Bench, models: Sequence[TrainedModel], table: Table, split: folds.Split) -> HeldOut:
    rows = split.held_out
    with where.owner.blamed_for(f"predict of the model of {split.group}"):
        prediction = mean_prediction(models, table.inputs(rows))
        if prediction.shape != rows.shape:
            raise PluginError(f"gave {prediction.shape} for {len(rows)} rows")
        finite = np.isfinite(prediction)
        if not finite.all():
            raise PluginError(f"gave {prediction[~finite][0]} for row {rows[~finite][0]} of the table")
    return HeldOut(split.group, rows, table.target[rows], prediction)


def _folds(where: Bench, table: Table, parts: Sequence[HeldOut]) -> list[Fold]:
    extras: Sequence[Mapping[str, float]] = where.plugins.call(
        "tinyai_evaluate", where.owner, recipe=where.recipe, held_out=parts
    )
    standard = [metrics.standard_metrics(part.prediction, part.target) for part in parts]
    return [
        _fold(table, part, metrics.extended(computed, extra))
        for part, computed, extra in zip(parts, standard, extras, strict=True)
    ]


def _fold(table: Table, part: HeldOut, judged: Metrics) -> Fold:
    return Fold(
        group=part.group,
        rows=len(part.rows),
        clips=table.clips(part.rows),
        tied_targets=metrics.tied_targets(part.target),
        metrics=judged,
    )


def _in_sample(where: Bench, final: Sequence[TrainedModel], table: Table, plan: folds.Plan) -> Metrics:
    everything = _hold_out(where, final, table, folds.Split("final", plan.development, plan.development))
    return metrics.standard_metrics(everything.prediction, everything.target)


def _reference(table: Table, plan: folds.Plan) -> Evaluation | None:
    """The recipe's reference model on the same splits."""
    reference = table.recipe.reference
    if reference is None:
        return None

    def judged(split: folds.Split) -> Fold:
        guess = reference_prediction(reference, table, split.train, split.held_out)
        target = table.target[split.held_out]
        part = HeldOut(split.group, split.held_out, target, guess)
        return _fold(table, part, metrics.standard_metrics(guess, target))

    within = [judged(split) for split in plan.splits]
    everything = judged(folds.Split("final", plan.development, plan.development))
    return Evaluation(
        folds=tuple(within),
        expected_groups=tuple(split.group for split in plan.splits),
        summary=_summary(within),
        in_sample=everything.metrics,
        test=judged(plan.test) if plan.test else None,
    )


def _summary(judged: Sequence[Fold]) -> dict[str, Aggregate]:
    names = dict.fromkeys(name for fold in judged for name in fold.metrics.values)
    return {name: aggregate(name, judged) for name in names}
