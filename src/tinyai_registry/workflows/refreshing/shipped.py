"""How stale was the registered model, and is its refresh better on the same rows? It is run on the fresh table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyai_registry.errors import TableError, TinyaiError
from tinyai_registry.evaluation import Judgement, Shipped
from tinyai_registry.evaluation.caveats import shipped_caveats
from tinyai_registry.evaluation.drift import has_same_rows
from tinyai_registry.lab import metrics
from tinyai_registry.lab.table import Table
from tinyai_registry.release import Previous
from tinyai_registry.text import shorten
from tinyai_registry.workflows.judging.cross_validation import fold_of, summarise
from tinyai_registry.workflows.judging.held_out import Trained
from tinyai_registry.workflows.score import load


def compare_with_shipped(
    judgement: Judgement,
    trained: Trained,
    registry: Path,
    sidecar: Mapping[str, Any] | None,
    previous: Previous | None,
) -> Judgement:
    """``judgement`` beside what the registered model gives for the same held-out rows, if there is one.

    ``sidecar`` and ``previous`` are of the registered release.
    """
    if previous is None or trained.table.recipe.output_shape:  # tensors are judged by what the plugin measures
        return judgement
    try:
        predicted = _predict(registry, trained.table)
    except Exception as error:  # noqa: BLE001  # whatever it is that cannot be run, it is about to be replaced
        kind = "" if isinstance(error, TinyaiError) else f"{type(error).__name__}: "
        why = kind + shorten(" ".join(str(error).split()).replace(str(registry), "the registry"))
        return replace(judgement, shipped=Shipped(previous.sha256, None, why))
    target = trained.table.target
    folds = [
        fold_of(trained.table, split.group, split.held_out, metrics.standard_metrics(predicted[rows], target[rows]))
        for split in trained.plan.splits
        for rows in [split.held_out]
    ]
    shipped = Shipped(previous.sha256, summarise(folds))
    judged = replace(judgement, shipped=shipped)
    if has_same_rows(sidecar, judgement.table):  # which it was trained on: it does better than any fold's model can
        return judged
    return judged.with_caveats(*shipped_caveats(shipped, judgement.evaluation))


def _predict(registry: Path, table: Table) -> NDArray[np.float64]:
    """What the registered file says of every row, ``[N]``. Its bytes and its test vector are checked first."""
    model = table.recipe.id
    loaded = load(model, registry)
    parts = [
        loaded.predict({**table.frame.iloc[rows], **(table.inputs(rows) if table.recipe.tensors else {})})
        for rows in table.batches(np.arange(len(table)))
    ]
    scores = np.concatenate(parts).astype(np.float64)
    if scores.shape != table.target.shape or not np.isfinite(scores).all():
        raise TableError(f"the registered {model} does not give one finite score for each row")
    return scores
