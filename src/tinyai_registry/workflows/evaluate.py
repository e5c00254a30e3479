"""The story of an evaluation: read the table, train every fold, judge what was held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from tinyai_registry.documents import parts
from tinyai_registry.documents.sidecar_types import as_sidecar
from tinyai_registry.errors import RecipeError, TableError
from tinyai_registry.evaluation import DataSet, Evaluation, Judgement, Metrics, ProtocolResult, Verdict, gate
from tinyai_registry.evaluation.caveats import corpus_caveats, evaluation_caveats, leakage_caveats, table_caveats
from tinyai_registry.evaluation.progress import Progress
from tinyai_registry.lab import folds
from tinyai_registry.lab.table import Fetch, Table, read_table
from tinyai_registry.lab.table_file import tell_places
from tinyai_registry.onnxfile.runtime import known_runtimes
from tinyai_registry.plugins.owner import Owner
from tinyai_registry.recipe import Recipe, columns_of
from tinyai_registry.release import Artifact, Outcome
from tinyai_registry.text import name_some, suggest
from tinyai_registry.workflows.judging.cross_validation import evaluate_folds
from tinyai_registry.workflows.judging.held_out import Trained, fetch_by, train_folds
from tinyai_registry.workflows.judging.protocols import evaluate_protocols
from tinyai_registry.workflows.judging.unknown_values import unknown_caveats
from tinyai_registry.workflows.workers.engine import Engine

# A fold has four counts and four metrics, each on a line of its own.
FOLD_BYTES = 200


def evaluate(
    owner: Owner,
    data: DataSet | Path,
    progress: Progress,
    protocol: str | None = None,
    engine: Engine | None = None,
) -> Outcome:
    """Folds and verdict of a model on the table ``data``, or its figures under one protocol. Publishes nothing.

    ``engine`` does the work of protocols. Raises RecipeError if the recipe declares no such protocol.
    """
    recipe = owner.recipe
    if protocol is None:
        judgement = judge(owner, train(owner, data, progress), None, progress, engine)
        return Outcome(recipe.id, "evaluated", judgement)
    declared = {p.name: p for p in recipe.protocols}
    if protocol not in declared:
        known = f"it declares: {name_some(list(declared))}{suggest(protocol, declared)}"
        raise RecipeError(f"{recipe.id} declares no protocol {protocol!r}; {known}")
    with progress.step("read table"):
        table = read_table(data, recipe, fetch_by(owner), progress)
    [result] = evaluate_protocols(owner, table, [declared[protocol]], progress, engine)
    verdicts = _verdicts(result) if result.protocol.criteria else ()
    judgement = Judgement(table.fingerprint, result.evaluation, verdicts, ())
    return Outcome(recipe.id, "evaluated", judgement, protocols=(result,))


def train(owner: Owner, data: DataSet | Path, progress: Progress, sha256: str | None = None) -> Trained:
    """Train every fit that the recipe's scheme asks for on the table ``data``, whose digest is ``sha256``, if given.

    Raises TableError if the table does not do for one of the recipe's schemes, or no sidecar could hold its folds.
    """
    with progress.step("read table"):
        table = read_trainable(data, owner.recipe, fetch_by(owner), progress)
    if sha256 not in {None, table.fingerprint.sha256}:
        where = tell_places(table.data)
        raise TableError(f"the table {where} is not the file that it was, or another one lies there; refresh again")
    with progress.step("train"):
        return train_folds(owner, table, owner.recipe.folds, progress)


def read_trainable(
    data: DataSet | Path, recipe: Recipe, fetch: Fetch | None = None, progress: Progress | None = None
) -> Table:
    """The table ``data``, from which a model of ``recipe`` can be trained and released; ``fetch`` gives its tensors.

    Raises TableError if it cannot: for the table's own sake, for one of the recipe's schemes, or for the sidecar's.
    """
    table = read_table(data, recipe, fetch, progress)
    _check_plans(table)
    return table


def _check_plans(table: Table) -> None:
    """What would come to light after the training: a protocol that cannot be cut, a sidecar that is too long."""
    recipe = table.recipe
    for protocol in recipe.protocols:
        folds.names(table, protocol.scheme)
    names = folds.names(table, recipe.folds)
    least = sum(2 * len(name) + FOLD_BYTES for name in names) + sum(map(len, table.fingerprint.groups))
    most = min(runtime.sidecar.max_bytes for runtime in known_runtimes())
    if least > most:
        raise TableError(
            f"{len(table.fingerprint.groups)} groups and {len(names)} folds would make a sidecar of {least} bytes or "
            f"more, and the C reader takes {most}; hold out several groups at a time (GroupKFold)"
        )


def judge(
    owner: Owner,
    trained: Trained,
    previous: Mapping[str, Any] | None,
    progress: Progress,
    engine: Engine | None = None,
) -> Judgement:
    """Evaluate each fold of ``trained`` on what it held out, and hold the evaluation to the gate.

    ``previous`` is the registered sidecar, for criteria that look back. ``engine`` does the work of protocols.
    """
    recipe, fingerprint = owner.recipe, trained.table.fingerprint
    before = {fold["group"]: fold for fold in (previous or {}).get("evaluation", {}).get("folds", ())}
    with progress.step("evaluate"):
        evaluation = evaluate_folds(owner, trained, tell=lambda fold: progress.fold(fold, before.get(fold.group)))
    protocols = evaluate_protocols(owner, trained.table, recipe.judged_protocols, progress, engine)
    with progress.step("gate"):
        criteria = (*recipe.gate, *owner.added_criteria(evaluation, previous))
        if any(criterion.against == "previous" for criterion in criteria):
            evaluation = replace(evaluation, previous=_recorded(previous))
        verdicts = (*gate.judge(evaluation, criteria), *chain.from_iterable(map(_verdicts, protocols)))
    # A scheme that draws rows says that they are independent; one that names a column may cut through a group unseen.
    shared = folds.shared_groups(trained.plan, trained.table) if columns_of(recipe.folds) else ()
    caveats = (
        *evaluation_caveats(evaluation, criteria, recipe.folds),
        *leakage_caveats(shared, recipe.folds),
        *corpus_caveats(evaluation, trained.table.corpora, criteria),
        *unknown_caveats(owner, trained),
        *table_caveats(fingerprint, recipe),
    )
    return Judgement(fingerprint, evaluation, verdicts, caveats, criteria, protocols)


def _verdicts(result: ProtocolResult) -> tuple[Verdict, ...]:
    return gate.judge(result.evaluation, result.protocol.criteria, result.protocol.name)


def _recorded(previous: Mapping[str, Any] | None) -> Evaluation | None:
    """The evaluation of the release before; one without any figures where its sidecar has none."""
    if previous is None:
        return None
    if "evaluation" not in previous:
        return Evaluation(folds=(), expected_groups=(), summary={}, in_sample=Metrics({}))
    found = as_sidecar(previous)
    return replace(parts.evaluation_of(found["evaluation"], found.get("in_sample")), previous=None)


def judge_artifacts(judgement: Judgement, artifacts: Sequence[Artifact]) -> Judgement:
    """``judgement``, and what the gate says to the exported files."""
    figures = {artifact.path: artifact.figures for artifact in artifacts}
    return judgement.with_verdicts(*gate.judge_artifacts(figures, judgement.criteria))
