"""How far the new table moved from the one that the previous release was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinyai_registry.evaluation import NEGLIGIBLE_STD, Drift, InputDrift, TableFingerprint
from tinyai_registry.recipe import Recipe


def measure_drift(previous: Mapping[str, Any] | None, recipe: Recipe, table: TableFingerprint) -> Drift | None:
    """Each input's shift since the ``previous`` sidecar; None where there is none, or it has no statistics of inputs.

    Sidecars of other tools have no ``table``; their ``feature_mean`` and ``feature_std`` say the same.
    """
    if previous is None:
        return None
    before = previous.get("table", {})
    means = before.get("feature_means") or previous.get("feature_mean")
    stds = before.get("feature_stds") or previous.get("feature_std")
    if not means or not stds or not (len(means) == len(stds) == len(recipe.feature_order)):
        return None
    if tuple(previous.get("feature_order", ())) != recipe.feature_order:
        return None
    inputs = []
    for k, column in enumerate(recipe.feature_order):
        old_std = max(stds[k], NEGLIGIBLE_STD)
        shift = (table.feature_means[k] - means[k]) / old_std
        inputs.append(InputDrift(column, shift, table.feature_stds[k] / old_std))
    known = "target_min" in before and "target_max" in before
    return Drift(
        tuple(inputs),
        (before["target_min"], before["target_max"]) if known else None,
        (table.target_min, table.target_max),
    )
