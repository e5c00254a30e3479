"""Judging a model on the folds of a table: every fold by what was said of rows that its models never saw."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tinyai_registry.evaluation import (
    CORPUS,
    Aggregate,
    Evaluation,
    Fold,
    HeldOutRows,
    Metrics,
    aggregate,
)
from tinyai_registry.lab import folds, metrics
from tinyai_registry.lab.keys import label
from tinyai_registry.lab.predictions import digest_predictions
from tinyai_registry.lab.reference import reference_prediction
from tinyai_registry.lab.table import Table
from tinyai_registry.plugins.owner import Owner
from tinyai_registry.workflows.judging.held_out import MEMBERS, Question, Said, Trained, ask, questions

Compute = Callable[[NDArray[np.float64], NDArray[np.float64]], Metrics]
Tell = Callable[[Fold], None]


@dataclass(frozen=True)
class Predicted:
    """What a model said of the rows that each split of ``plan`` holds out, of the test split and of its own rows."""

    plan: folds.Plan
    held_out: tuple[HeldOutRows, ...]
    test: HeldOutRows | None
    in_sample: HeldOutRows

    @property
    def unseen(self) -> tuple[HeldOutRows, ...]:
        """Every part that the model that predicts it was not trained on."""
        return (*self.held_out, *([self.test] if self.test else []))

    def of_member(self, number: int) -> Predicted:
        """What one member of the ensemble said."""
        one = [_of_member(part, number) for part in (*self.unseen, self.in_sample)]
        test = one[-2] if self.test else None
        return Predicted(self.plan, tuple(one[: len(self.held_out)]), test, one[-1])


def _tell_nobody(fold: Fold) -> None:
    """A fold that nobody watches for."""


def evaluate_folds(
    owner: Owner,
    trained: Trained,
    compute: Compute = metrics.standard_metrics,
    tell: Tell = _tell_nobody,
    *,
    by_seed: bool = True,
) -> Evaluation:
    """Every fold of ``trained``, and the test split if there is one, judged on what was held out.

    Each is handed to ``tell`` as soon as it is judged. ``by_seed`` says whether each member of an ensemble is judged by
    itself, too.
    """
    models = (*trained.folds, trained.final)
    said = (ask(owner, trained.table, models[each.model], each) for each in questions(trained.plan))
    return judge_said(owner, trained.table, trained.plan, said, compute, tell, by_seed=by_seed)


def judge_said(
    owner: Owner,
    table: Table,
    plan: folds.Plan,
    said: Iterable[Said],
    compute: Compute = metrics.standard_metrics,
    tell: Tell = _tell_nobody,
    *,
    by_seed: bool = True,
) -> Evaluation:
    """The same of what was ``said`` to each question of ``plan``."""
    if owner.recipe.output_shape:
        return _judge_measured(table, plan, said, tell)
    predicted = _predicted(table, plan, said)
    seeds = owner.recipe.seeds if by_seed and owner.recipe.ensemble else ()
    each = [predicted, *(predicted.of_member(number) for number in range(len(seeds)))]
    extras: list[Mapping[str, float]] = owner.call(
        "tinyai_evaluate", held_out=[part for one in each for part in one.unseen]
    )
    size = len(predicted.unseen)
    whole, *members = (
        _judge(table, one, extras[k * size : (k + 1) * size], compute, _tell_nobody if k else tell)
        for k, one in enumerate(each)
    )
    return replace(
        whole,
        reference=_reference(table, plan, compute),
        seeds=dict(zip(seeds, members, strict=True)),
        expected_seeds=seeds,
        predictions_sha256=digest_predictions(predicted.unseen),
        corpora=_by_corpus(table, predicted.held_out, compute),
        held_out=predicted.held_out,
    )


def _judge_measured(table: Table, plan: folds.Plan, said: Iterable[Said], tell: Tell) -> Evaluation:
    """The same for a target that is a tensor: a metric of a fold is its mean over the rows."""
    asked, judged = questions(plan), []
    for question, measured in zip(asked, said, strict=True):
        means = {name: float(np.mean(values)) for name, values in measured.items()}
        judged.append(fold_of(table, question.name, question.rows, metrics.extend(Metrics({}), means)))
        if question is not asked[-1]:
            tell(judged[-1])
    *unseen, own = judged
    within = unseen[: len(plan.splits)]
    return Evaluation(
        folds=tuple(within),
        expected_groups=tuple(split.group for split in plan.splits),
        summary=summarise(within),
        in_sample=own.metrics,
        test=unseen[-1] if plan.test else None,
    )


def _predicted(table: Table, plan: folds.Plan, said: Iterable[Said]) -> Predicted:
    def held_out(question: Question, members: NDArray[np.float64]) -> HeldOutRows:
        target = table.target[question.rows]
        return HeldOutRows(question.name, question.rows, target, members.mean(axis=0), members)

    *unseen, own = (held_out(each, one[MEMBERS]) for each, one in zip(questions(plan), said, strict=True))
    return Predicted(plan, tuple(unseen[: len(plan.splits)]), unseen[-1] if plan.test else None, own)


def _of_member(part: HeldOutRows, number: int) -> HeldOutRows:
    return replace(part, prediction=part.members[number], members=part.members[number : number + 1])


def _judge(
    table: Table,
    predicted: Predicted,
    extras: Sequence[Mapping[str, float]],
    compute: Compute,
    tell: Tell = _tell_nobody,
) -> Evaluation:
    """``extras`` are the plugin's own metrics of each unseen part."""
    unseen = []
    for part, extra in zip(predicted.unseen, extras, strict=True):
        judged = metrics.extend(compute(part.prediction, part.target), extra)
        unseen.append(fold_of(table, part.group, part.rows, judged))
        tell(unseen[-1])
    within = unseen[: len(predicted.held_out)]
    own = predicted.in_sample
    return Evaluation(
        folds=tuple(within),
        expected_groups=tuple(split.group for split in predicted.plan.splits),
        summary=summarise(within),
        in_sample=metrics.standard_metrics(own.prediction, own.target),
        test=unseen[-1] if predicted.test else None,
    )


def _by_corpus(table: Table, parts: Sequence[HeldOutRows], compute: Compute) -> tuple[Fold, ...]:
    """All that the folds hold out, for each of several corpora of which they hold out anything."""
    if len(table.corpora) < 2:  # noqa: PLR2004  # of one alone the folds say it all
        return ()
    rows = np.concatenate([part.rows for part in parts])
    prediction = np.concatenate([part.prediction for part in parts])
    labels = label(table.frame[CORPUS])
    chosen = {corpus: labels.are_among(np.array([corpus]))[rows] for corpus in table.corpora}
    return tuple(
        fold_of(table, corpus, rows[mask], compute(prediction[mask], table.target[rows[mask]]))
        for corpus, mask in chosen.items()
        if mask.any()
    )


def fold_of(table: Table, group: str, rows: folds.Rows, judged: Metrics) -> Fold:
    """The fold that holds out ``rows``, with what was ``judged`` on them."""
    return Fold(
        group=group,
        rows=len(rows),
        clips=table.clips(rows),
        tied_targets=0.0 if table.recipe.output_shape else metrics.tied_targets(table.target[rows]),
        metrics=judged,
    )


def _reference(table: Table, plan: folds.Plan, compute: Compute) -> Evaluation | None:
    """The recipe's reference model on the same splits."""
    reference = table.recipe.reference
    if reference is None:
        return None

    def ask(name: str, train: folds.Rows, rows: folds.Rows) -> HeldOutRows:
        guess = reference_prediction(reference, table, train, rows)
        return HeldOutRows(name, rows, table.target[rows], guess, guess[None])

    predicted = Predicted(
        plan,
        tuple(ask(split.group, split.train, split.held_out) for split in plan.splits),
        ask(plan.test.group, plan.test.train, plan.test.held_out) if plan.test else None,
        ask("final", plan.development, plan.development),
    )
    return _judge(table, predicted, [{} for _ in predicted.unseen], compute)


def summarise(judged: Sequence[Fold]) -> dict[str, Aggregate]:
    """Every metric of the folds, over all of them."""
    names = dict.fromkeys(name for fold in judged for name in fold.metrics.values)
    return {name: aggregate(name, judged) for name in names}
