"""The story of an evaluation: read the table, train every fold, judge what was held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyai_registry.errors import PluginError
from tinyai_registry.evaluation import Evaluation, Fold, Metrics, aggregate
from tinyai_registry.lab import caveats, folds, gate, metrics
from tinyai_registry.lab.table import Table, read_table
from tinyai_registry.model import HeldOut, TrainedModel
from tinyai_registry.outcome import Judgement, Outcome
from tinyai_registry.plugins import Plugin, Plugins
from tinyai_registry.progress import Progress
from tinyai_registry.recipe import Recipe


@dataclass(frozen=True)
class Bench:
    """Who judges a model: its owner and recipe, the plugins that may be asked, and those that set policy."""

    plugins: Plugins
    owner: Plugin
    recipe: Recipe
    policy: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judged:
    """A judgement, the table it rests on, and the final model that it is about."""

    judgement: Judgement
    table: Table
    final: TrainedModel


def bench(plugins: Plugins, model: str, policy: tuple[str, ...] = ()) -> Bench:
    """The bench for ``model``. Raises PluginError if no plugin, or more than one, declares it."""
    owner, recipe = plugins.owner(model)
    return Bench(plugins, owner, recipe, policy)


def evaluate(where: Bench, path: Path, progress: Progress) -> Outcome:
    """Folds and verdict of a model on the table at ``path``. Writes nothing."""
    judged = judge(where, path, None, progress)
    return Outcome(where.recipe.id, "evaluated", judged.judgement)


def judge(where: Bench, path: Path, previous: Mapping[str, Any] | None, progress: Progress) -> Judged:
    """Train all fits on the table at ``path``, evaluate each fold on what it held out, and hold it to the gate.

    ``previous`` is the registered sidecar, for criteria that look back.
    """
    recipe = where.recipe
    with progress.step("read table"):
        table = read_table(path, recipe)
        cut = folds.splits(table)
    with progress.step("train"):
        *models, final = _train(where, table, folds.fits(table, cut))
    with progress.step("evaluate"):
        held_out = [_hold_out(m, table, s.group, s.held_out) for m, s in zip(models, cut, strict=True)]
        extras = _extra_metrics(where, held_out)
        judged_folds = []
        for part, extra in zip(held_out, extras, strict=True):
            fold = _fold(table, part, extra)
            progress.fold(fold)
            judged_folds.append(fold)
        everything = _hold_out(final, table, "final", np.arange(len(table.target)))
        in_sample = metrics.standard_metrics(everything.prediction, everything.target)
        evaluation = _summarised(judged_folds, [split.group for split in cut], in_sample)
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
        notable = caveats.evaluation_caveats(evaluation, table.fingerprint, criteria)
    judgement = Judgement(table.fingerprint, evaluation, verdicts, tuple(notable))
    return Judged(judgement, table, final)


def _train(where: Bench, table: Table, fits: Sequence[Any]) -> Sequence[TrainedModel]:
    models = where.plugins.call("tinyai_train", where.owner, recipe=where.recipe, table=table, fits=fits)
    if len(models) != len(fits):
        raise PluginError(f"{where.owner}: tinyai_train returned {len(models)} models for {len(fits)} fits")
    trained: Sequence[TrainedModel] = models
    return trained


def _hold_out(model: TrainedModel, table: Table, group: str, rows: NDArray[np.int64]) -> HeldOut:
    prediction = np.asarray(model.predict(table.inputs(rows)), np.float64)
    if prediction.shape != rows.shape:
        raise PluginError(f"{table.recipe.id}: predict gave {prediction.shape} for {len(rows)} rows")
    if not np.isfinite(prediction).all():
        bad = int((~np.isfinite(prediction)).argmax())
        raise PluginError(
            f"{table.recipe.id}: the model of {group} predicts {prediction[bad]} for row {rows[bad]} of the table"
        )
    return HeldOut(group, rows, table.target[rows], prediction)


def _extra_metrics(where: Bench, held_out: Sequence[HeldOut]) -> Sequence[Mapping[str, float]]:
    extras: Sequence[Mapping[str, float]] = where.plugins.call(
        "tinyai_evaluate", where.owner, recipe=where.recipe, held_out=held_out
    )
    if len(extras) != len(held_out):
        raise PluginError(f"{where.owner}: tinyai_evaluate returned {len(extras)} mappings for {len(held_out)} folds")
    return extras


def _fold(table: Table, part: HeldOut, extra: Mapping[str, float]) -> Fold:
    standard = metrics.standard_metrics(part.prediction, part.target)
    return Fold(
        group=part.group,
        rows=len(part.rows),
        clips=table.clips(part.rows),
        tied_targets=metrics.tied_targets(part.target),
        metrics=metrics.extended(standard, extra),
    )


def _summarised(judged: Sequence[Fold], expected: Sequence[str], in_sample: Metrics) -> Evaluation:
    names = dict.fromkeys(name for fold in judged for name in fold.metrics.values)
    summary = {name: aggregate(name, judged) for name in names}
    return Evaluation(tuple(judged), tuple(expected), summary, in_sample)
