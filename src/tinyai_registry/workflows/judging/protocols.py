"""The story of a protocol: a further evaluation of a recipe, under a scheme of its own.

Its models are trained here, all in one call; or, where an ``engine`` does the work, in portions, each of which is asked
where it was trained. Either way the figures are the same to the last bit.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tinyai_registry.errors import EngineError
from tinyai_registry.evaluation import ProtocolResult
from tinyai_registry.evaluation.progress import Progress
from tinyai_registry.files import sha256_of
from tinyai_registry.lab import folds, metrics
from tinyai_registry.lab.table import Table
from tinyai_registry.plugins.owner import Owner
from tinyai_registry.recipe import Protocol, Scheme
from tinyai_registry.text import count
from tinyai_registry.workflows.judging.cross_validation import evaluate_folds, judge_said
from tinyai_registry.workflows.judging.held_out import Said, train_folds
from tinyai_registry.workflows.judging.portion import (
    Basis,
    Portion,
    Predictions,
    basis_of,
    open_predictions,
    predict_portion,
)
from tinyai_registry.workflows.workers.engine import Engine
from tinyai_registry.workflows.workers.executor import carry_out
from tinyai_registry.workflows.workers.parts import keep_parts

# Fits of one portion at most: as many as are trained faster together than one after another.
FITS = 32


def evaluate_protocols(
    owner: Owner, table: Table, protocols: Sequence[Protocol], progress: Progress, engine: Engine | None = None
) -> tuple[ProtocolResult, ...]:
    """The figures of the recipe under each of ``protocols``.

    Raises EngineError where ``engine`` comes to nothing. What was finished is kept, and the next evaluation of the same
    recipe on the same table goes on from there.
    """
    results = []
    for protocol in protocols:
        with progress.step(f"protocol {protocol.name}"):
            results.append(_evaluate(owner, table, protocol, progress, engine))
    return tuple(results)


def complete_protocols(
    owner: Owner,
    table: Table,
    judged: Sequence[ProtocolResult],
    progress: Progress,
    engine: Engine | None = None,
) -> tuple[ProtocolResult, ...]:
    """The figures of every protocol of the recipe, in order, of which the gate has asked for some before."""
    left = [protocol for protocol in owner.recipe.protocols if not protocol.criteria]
    results = (*judged, *evaluate_protocols(owner, table, left, progress, engine))
    by_name = {result.protocol.name: result for result in results}
    return tuple(by_name[protocol.name] for protocol in owner.recipe.protocols)


def _evaluate(
    owner: Owner, table: Table, protocol: Protocol, progress: Progress, engine: Engine | None
) -> ProtocolResult:
    compute = metrics.mapped_metrics if protocol.mapping == "logistic4" else metrics.standard_metrics
    by_seed = any(criterion.part == "seeds" for criterion in protocol.criteria)
    if engine is None:
        trained = train_folds(owner, table, protocol.scheme, progress)
        evaluation = evaluate_folds(owner, trained, compute, by_seed=by_seed)
    else:
        plan = folds.plan(table, protocol.scheme)
        said = _predict(owner, table, plan, protocol.scheme, progress, engine)
        evaluation = judge_said(owner, table, plan, said, compute, by_seed=by_seed)
    return ProtocolResult(protocol, replace(evaluation, held_out=()))  # nobody asks for the rows any more


def _predict(
    owner: Owner, table: Table, plan: folds.Plan, scheme: Scheme, progress: Progress, engine: Engine
) -> list[Said]:
    """What the models of ``plan`` say to its questions, in order. Each portion is trained by whoever is free."""
    basis = basis_of(owner, table)
    models = len(plan.splits) + 1
    size = max(1, min(FITS // len(owner.recipe.seeds), -(-models // engine.jobs)))
    processor = engine.threads(-(-models // size))
    with keep_parts(_folder(basis)) as folder:
        portions = [
            Portion(basis, scheme, tuple(range(models)[start : start + size]), processor, str(folder))
            for start in range(0, models, size)
        ]

        def tell(done: int) -> None:
            progress.advance(min(done * size, models), models, count(models, "model"))

        done = carry_out(engine, predict_portion, portions, tell)
        return [each for predictions in done for each in _read(folder, predictions)]


def _folder(basis: Basis) -> Path:
    """Where predictions lie until all are there: in the cache of whoever runs this, which Dask's workers see, too."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    content = sha256_of(json.dumps(basis.content).encode())
    return cache.absolute() / "tinyai-registry" / f"{basis.model}-{content[:16]}.parts"


def _read(folder: Path, predictions: Predictions) -> list[Said]:
    path = folder / predictions.file
    data = path.read_bytes() if path.is_file() else b""
    if sha256_of(data) != predictions.sha256:
        raise EngineError(f"{path} is not what its worker has written; run this again")
    return open_predictions(path, data)
