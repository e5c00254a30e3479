"""How far the new table moved from the one that the previous release was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinyai_registry.evaluation import NEGLIGIBLE_STD, ColumnDrift, Drift, TableFingerprint
from tinyai_registry.recipe import Recipe


def measure_drift(previous: Mapping[str, Any] | None, recipe: Recipe, table: TableFingerprint) -> Drift | None:
    """The shift of inputs and target since the ``previous`` sidecar; None if there is none, or it has no statistics.

    Sidecars of other tools have no ``table``; their ``feature_mean`` and ``feature_std`` say the same.
    """
    if previous is None:
        return None
    before = previous.get("table", {})
    means = before.get("feature_means") or previous.get("feature_mean")
    stds = before.get("feature_stds") or previous.get("feature_std")
    if not means or not stds or not (len(means) == len(stds) == len(recipe.feature_order)):
        return None
    if _feature_order(previous) != recipe.feature_order:
        return None
    old, new = zip(means, stds, strict=True), zip(table.feature_means, table.feature_stds, strict=True)
    columns = zip(recipe.feature_order, old, new, strict=True)
    known = {"target_mean", "target_std", "target_min", "target_max"} <= before.keys()
    return Drift(
        inputs=tuple(measure_shift(*column) for column in columns),
        target=measure_shift(
            recipe.target_name, (before["target_mean"], before["target_std"]), (table.target_mean, table.target_std)
        )
        if known
        else None,
        target_before=(before["target_min"], before["target_max"]) if known else None,
        target_now=(table.target_min, table.target_max),
    )


def has_same_rows(previous: Mapping[str, Any] | None, table: TableFingerprint) -> bool:
    """Whether the release of the ``previous`` sidecar was made from the rows of ``table``, whatever file they are in.

    That is so of the same file, and of as many rows with the same means and standard deviations.
    """
    before = (previous or {}).get("table") or {}
    told = [before.get("rows_used", before.get("rows")), before.get("feature_means"), before.get("feature_stds")]
    now = [table.rows_used, [*table.feature_means], [*table.feature_stds]]
    target = [before.get("target_mean"), before.get("target_std")] == [table.target_mean, table.target_std]
    return before.get("sha256") == table.sha256 or (told == now and target)


def _feature_order(previous: Mapping[str, Any]) -> tuple[str, ...]:
    """Those of all inputs, where the sidecar embeds a recipe; ``feature_order`` may be that of the first alone."""
    inputs = previous.get("recipe", {}).get("inputs")
    if inputs is None:
        return tuple(previous.get("feature_order", ()))
    return tuple(column for each in inputs for column in each.get("columns", ()))


def measure_shift(column: str, old: tuple[float, float], new: tuple[float, float]) -> ColumnDrift:
    """How far ``column`` moved; ``old`` and ``new`` are its mean and standard deviation."""
    old_std = max(old[1], NEGLIGIBLE_STD)
    return ColumnDrift(column, (new[0] - old[0]) / old_std, new[1] / old_std)
