"""What the models of a plan say of the rows that they are judged on. Whoever judges needs nothing else of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyai_registry.errors import PluginError
from tinyai_registry.evaluation import TrainedModel
from tinyai_registry.evaluation.progress import Progress
from tinyai_registry.lab import folds
from tinyai_registry.lab.table import Fetch, Table
from tinyai_registry.plugins.owner import Owner
from tinyai_registry.recipe import Scheme

# What was said of ``n`` rows: under MEMBERS the score by each member of the model, ``[M, n]``. Where the target is a
# tensor, what the owner measures of each row instead, ``[n]`` by name.
Said = Mapping[str, NDArray[np.float64]]
MEMBERS = "members"

Prediction = NDArray[np.float64]
Members = tuple[TrainedModel, ...]


@dataclass(frozen=True)
class Trained:
    """What was trained on ``table``: for each split of ``plan`` the members of its model, and the final model's."""

    table: Table
    plan: folds.Plan
    folds: tuple[Members, ...]
    final: Members


@dataclass(frozen=True)
class Question:
    """Rows that a model of a plan is to predict. The models are counted: that of each split, and then the final one."""

    model: int
    name: str
    rows: folds.Rows


def questions(plan: folds.Plan) -> list[Question]:
    """What each split holds out, the test split if there is one, and at last the final model's own rows."""
    final = len(plan.splits)
    asked = [Question(number, split.group, split.held_out) for number, split in enumerate(plan.splits)]
    asked += [Question(final, plan.test.group, plan.test.held_out)] if plan.test else []
    return [*asked, Question(final, "final", plan.development)]


def fetch_by(owner: Owner) -> Fetch | None:
    """How the tensors of some rows of a table are had: from the owner's ``tinyai_inputs``, if the recipe has any."""

    def fetch(table: Table, rows: folds.Rows) -> Mapping[str, NDArray[np.floating]]:
        found: Mapping[str, NDArray[np.floating]] = owner.call("tinyai_inputs", table=table, rows=rows)
        return found

    return fetch if owner.recipe.tensors else None


def train_folds(owner: Owner, table: Table, scheme: Scheme, progress: Progress) -> Trained:
    """Train a model on each split of ``scheme``, and the final one, all in one call of the owner's ``tinyai_train``."""
    plan = folds.plan(table, scheme)
    *within, final = train_models(owner, table, plan, range(len(plan.splits) + 1), progress).values()
    return Trained(table, plan, tuple(within), final)


def train_models(
    owner: Owner, table: Table, plan: folds.Plan, numbers: Sequence[int], progress: Progress
) -> dict[int, Members]:
    """The members of the models of ``plan`` that have these ``numbers``, all from one call of ``tinyai_train``."""
    size = len(owner.recipe.seeds)
    every = folds.fits(plan, owner.recipe.seeds)
    fits = [fit for number in numbers for fit in every[number * size : (number + 1) * size]]
    models = owner.call("tinyai_train", table=table, fits=fits, progress=progress)
    return {number: tuple(models[k * size : (k + 1) * size]) for k, number in enumerate(numbers)}


def ask(owner: Owner, table: Table, members: Members, question: Question) -> Said:
    """What the ``members`` of a model say to ``question``.

    Raises PluginError if it is not one finite value for each row.
    """
    if owner.recipe.output_shape:
        return _measure(owner, table, members, question)
    with owner.plugin.blame_for(f"predict of the model of {question.name}"):
        return {MEMBERS: np.stack([_score(model, table, question.rows) for model in members])}


def _score(model: TrainedModel, table: Table, rows: folds.Rows) -> NDArray[np.float64]:
    return np.concatenate([_say(model, table.inputs(batch), table, batch) for batch in table.batches(rows)])


def _measure(owner: Owner, table: Table, members: Members, question: Question) -> Said:
    """Each metric that the owner gives, of each row; the rows are opened a batch at a time."""
    found: dict[str, list[NDArray[np.float64]]] = {}
    for batch in table.batches(question.rows):
        inputs = table.inputs(batch)
        with owner.plugin.blame_for(f"predict of the model of {question.name}"):
            said = np.mean([_say(model, inputs, table, batch) for model in members], axis=0)
        measured = owner.call("tinyai_measure", inputs=inputs, target=table.targets(batch), prediction=said)
        for name, values in measured.items():
            found.setdefault(name, []).append(np.asarray(values, np.float64))
    return {name: np.concatenate(values) for name, values in found.items()}


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
