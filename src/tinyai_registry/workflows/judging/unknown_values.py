"""What a model says of a value that it was never shown: held-out rows are predicted once more, as unknown."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tinyai_registry.evaluation import Caveat
from tinyai_registry.lab.derived import make_unknown
from tinyai_registry.lab.ensemble import mean_prediction
from tinyai_registry.lab.table import Table, split_inputs
from tinyai_registry.plugins.owner import Owner
from tinyai_registry.recipe import OneHot
from tinyai_registry.workflows.judging.held_out import Trained


def unknown_caveats(owner: Owner, trained: Trained) -> Iterator[Caveat]:
    """One for each unknown slot that no row ever used, with the error of what the models make of it.

    Every fold predicts the rows that it holds out, with their own value and as unknown.
    """
    recipe, unlisted = owner.recipe, trained.table.fingerprint.unlisted
    for one_hot in recipe.derived:
        if not isinstance(one_hot, OneHot) or not one_hot.unknown or one_hot.unknown_share:
            continue
        slot = one_hot.columns[-1]
        if slot in unlisted:  # the table has values that nobody listed, and they have trained it
            continue
        known, unknown = (_rmse(owner, trained, each) for each in (None, one_hot))
        yield Caveat(
            "untrained-unknown",
            f"{slot} was never trained: every row of the table has a value that is listed, and none was drawn as "
            f"unknown (unknown_share); held-out rows that are fed as unknown have RMSE {unknown:.3f}, with their own "
            f"value {known:.3f}",
        )


def _rmse(owner: Owner, trained: Trained, one_hot: OneHot | None) -> float:
    """Over all held-out rows, in target units, with the unknown slot of ``one_hot`` set."""
    table, splits = trained.table, trained.plan.splits
    with owner.plugin.blame_for("predict of its models"):
        predicted = [
            mean_prediction(models, split_inputs(table.recipe.inputs, _features(table, rows, one_hot)))
            for models, split in zip(trained.folds, splits, strict=True)
            for rows in table.batches(split.held_out)
        ]
    target = table.target[np.concatenate([split.held_out for split in splits])]
    error: NDArray[np.float64] = np.concatenate(predicted) - target
    return float(np.sqrt(np.mean(error**2)))


def _features(table: Table, rows: NDArray[np.int64], one_hot: OneHot | None) -> NDArray[np.float32]:
    features = table.features[rows]
    if one_hot is not None:
        features = make_unknown(table.recipe, one_hot, features, np.ones(len(rows), bool))
    return features.astype(np.float32)
