"""Training and evaluating a model on the folds of a table: every fold is judged on rows that its models never saw."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tinyai_registry.errors import PluginError
from tinyai_registry.evaluation import (
    CORPUS,
    Aggregate,
    Evaluation,
    Fold,
    HeldOutRows,
    Metrics,
    ProtocolResult,
    TrainedModel,
    aggregate,
)
from tinyai_registry.evaluation.progress import Progress
from tinyai_registry.lab import folds, metrics
from tinyai_registry.lab.predictions import digest_predictions
from tinyai_registry.lab.reference import reference_prediction
from tinyai_registry.lab.table import Fetch, Table
from tinyai_registry.plugins.owner import Owner
from tinyai_registry.recipe import Protocol, Scheme

Prediction = NDArray[np.float64]
Compute = Callable[[NDArray[np.float64], NDArray[np.float64]], Metrics]
Tell = Callable[[Fold], None]


@dataclass(frozen=True)
class Trained:
    """What was trained on ``table``: for each split of ``plan`` the members of its model, and the final model's."""

    table: Table
    plan: folds.Plan
    folds: tuple[tuple[TrainedModel, ...], ...]
    final: tuple[TrainedModel, ...]


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


def fetch_by(owner: Owner) -> Fetch | None:
    """How the tensors of some rows of a table are had: from the owner's ``tinyai_inputs``, if the recipe has any."""

    def fetch(table: Table, rows: folds.Rows) -> Mapping[str, NDArray[np.floating]]:
        found: Mapping[str, NDArray[np.floating]] = owner.call("tinyai_inputs", table=table, rows=rows)
        return found

    return fetch if owner.recipe.tensors else None


def train_folds(owner: Owner, table: Table, scheme: Scheme, progress: Progress) -> Trained:
    """Train a model on each split of ``scheme``, and the final one, all in one call of the owner's ``tinyai_train``."""
    plan = folds.plan(table, scheme)
    models = owner.call("tinyai_train", table=table, fits=folds.fits(plan, owner.recipe.seeds), progress=progress)
    size = len(owner.recipe.seeds)
    *fold_models, final = (tuple(models[k : k + size]) for k in range(0, len(models), size))
    return Trained(table, plan, tuple(fold_models), final)


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
    """Every fold, and the test split if there is one, judged on what was held out.

    Each is handed to ``tell`` as soon as it is judged. ``by_seed`` says whether each member of an ensemble is judged by
    itself, too.
    """
    if owner.recipe.output_shape:
        return _measure_folds(owner, trained, tell)
    predicted = _predict(owner, trained)
    seeds = owner.recipe.seeds if by_seed and owner.recipe.ensemble else ()
    each = [predicted, *(predicted.of_member(number) for number in range(len(seeds)))]
    extras: list[Mapping[str, float]] = owner.call(
        "tinyai_evaluate", held_out=[part for one in each for part in one.unseen]
    )
    size = len(predicted.unseen)
    whole, *members = (
        _judge(trained.table, one, extras[k * size : (k + 1) * size], compute, _tell_nobody if k else tell)
        for k, one in enumerate(each)
    )
    return replace(
        whole,
        reference=_reference(trained.table, trained.plan, compute),
        seeds=dict(zip(seeds, members, strict=True)),
        expected_seeds=seeds,
        predictions_sha256=digest_predictions(predicted.unseen),
        corpora=_by_corpus(trained.table, predicted.held_out, compute),
        held_out=predicted.held_out,
    )


def _measure_folds(owner: Owner, trained: Trained, tell: Tell) -> Evaluation:
    """The same for a target that is a tensor, by what the owner measures of each row."""
    table, plan = trained.table, trained.plan

    def judged(models: Sequence[TrainedModel], split: folds.Split) -> Fold:
        measured = _measure(owner, models, table, split.group, split.held_out)
        fold = fold_of(table, split.group, split.held_out, measured)
        tell(fold)
        return fold

    within = [judged(models, split) for models, split in zip(trained.folds, plan.splits, strict=True)]
    return Evaluation(
        folds=tuple(within),
        expected_groups=tuple(split.group for split in plan.splits),
        summary=summarise(within),
        in_sample=_measure(owner, trained.final, table, "final", plan.development),
        test=judged(trained.final, plan.test) if plan.test else None,
    )


def _measure(owner: Owner, models: Sequence[TrainedModel], table: Table, group: str, rows: folds.Rows) -> Metrics:
    """The mean over ``rows`` of each metric that the owner gives; the rows are opened a batch at a time."""
    found: dict[str, list[NDArray[np.float64]]] = {}
    for batch in table.batches(rows):
        inputs = table.inputs(batch)
        with owner.plugin.blame_for(f"predict of the model of {group}"):
            said = np.mean([_say(model, inputs, table, batch) for model in models], axis=0)
        measured = owner.call("tinyai_measure", inputs=inputs, target=table.targets(batch), prediction=said)
        for name, values in measured.items():
            found.setdefault(name, []).append(np.asarray(values, np.float64))
    means = {name: float(np.mean(np.concatenate(values))) for name, values in found.items()}
    return metrics.extend(Metrics({}), means)


def evaluate_protocol(owner: Owner, table: Table, protocol: Protocol, progress: Progress) -> ProtocolResult:
    """The recipe, trained and evaluated as ``protocol`` says."""
    compute = metrics.mapped_metrics if protocol.mapping == "logistic4" else metrics.standard_metrics
    trained = train_folds(owner, table, protocol.scheme, progress)
    by_seed = any(criterion.part == "seeds" for criterion in protocol.criteria)
    return ProtocolResult(protocol, evaluate_folds(owner, trained, compute, by_seed=by_seed))


def _predict(owner: Owner, trained: Trained) -> Predicted:
    plan, table = trained.plan, trained.table

    def ask(models: Sequence[TrainedModel], name: str, rows: folds.Rows) -> HeldOutRows:
        with owner.plugin.blame_for(f"predict of the model of {name}"):
            members = np.stack([_scores(model, table, rows) for model in models])
        return HeldOutRows(name, rows, table.target[rows], members.mean(axis=0), members)

    splits = zip(trained.folds, plan.splits, strict=True)
    return Predicted(
        plan,
        tuple(ask(models, split.group, split.held_out) for models, split in splits),
        ask(trained.final, plan.test.group, plan.test.held_out) if plan.test else None,
        ask(trained.final, "final", plan.development),
    )


def _scores(model: TrainedModel, table: Table, rows: folds.Rows) -> NDArray[np.float64]:
    return np.concatenate([_say(model, table.inputs(batch), table, batch) for batch in table.batches(rows)])


def _say(model: TrainedModel, inputs: Mapping[str, NDArray[np.float32]], table: Table, rows: folds.Rows) -> Prediction:
    """What ``model`` says of ``inputs``, which are those of ``rows``: ``[n]``, or ``[n, *shape]`` of a tensor.

    Raises PluginError, without the plugin's name, if it has another shape or is not finite.
    """
    values = np.asarray(model.predict(inputs), np.float64)
    if values.shape != (*rows.shape, *table.recipe.output_shape):
        raise PluginError(f"gave {values.shape} for {len(rows)} rows")
    finite = np.isfinite(values)
    if not finite.all():
        row = rows[~finite.reshape(len(rows), -1).all(axis=1)][0]
        raise PluginError(f"gave {values[~finite][0]} for row {row} of the table")
    return values


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
    found = table.frame[CORPUS].to_numpy(str)[rows]
    chosen = {corpus: found == corpus for corpus in table.corpora}
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
