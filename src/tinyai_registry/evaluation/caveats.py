"""What a reader must know and what does not block."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from itertools import combinations

from tinyai_registry.evaluation import (
    Caveat,
    ColumnDrift,
    CorpusFingerprint,
    Drift,
    Evaluation,
    Fold,
    Shipped,
    TableFingerprint,
)
from tinyai_registry.recipe import Criterion, HeldOut, LeaveOneGroupOut, PredefinedSplit, Recipe, Scheme, columns_of
from tinyai_registry.text import signed

CORRELATIONS = ("plcc", "srocc")
RMSE_OVER_MEDIAN = 2.0
FEW_ROWS = 10
MANY_TIES = 0.5
MEAN_SHIFT = 0.25
STD_RATIO = 1.25
WORSE_THAN_SHIPPED = "worse-than-shipped"


def evaluation_caveats(evaluation: Evaluation, criteria: Sequence[Criterion], scheme: Scheme) -> Iterator[Caveat]:
    """Caveats of the folds that ``scheme`` has cut, in fold order; ``criteria`` say what is weak."""
    known = evaluation.reference.folds if evaluation.reference else ()
    references = {fold.group: fold for fold in known}
    defined = [rmse for fold in evaluation.folds if (rmse := fold.metrics.values.get("rmse")) is not None]
    median_rmse = statistics.median(defined) if defined else None
    judged = {criterion.metric for criterion in criteria}
    for fold in evaluation.folds:
        weak = [*_weak_correlations(fold, references.get(fold.group), criteria), *_large_error(fold, median_rmse)]
        if weak:
            what = (
                "the model is less reliable on such content"
                if _is_content(scheme)
                else "what it holds out was drawn at random, so this is how far the figures stray"
            )
            yield Caveat("weak-fold", f"{fold.group}: {'; '.join(weak)}; {what}")
        if fold.rows < FEW_ROWS:
            yield Caveat("few-rows", f"{fold.group}: {fold.rows} rows; a correlation of so few says little")
        if fold.tied_targets >= MANY_TIES:
            yield Caveat(
                "tied-targets",
                f"{fold.group}: {fold.tied_targets:.1%} of the targets equal another row's; "
                "rank correlations say little here",
            )
        for metric, reason in fold.metrics.undefined.items():
            if metric not in judged:
                yield Caveat("undefined-metric", f"{fold.group}: {metric.upper()} is undefined: {reason}")


def corpus_caveats(evaluation: Evaluation, corpora: Sequence[str], criteria: Sequence[Criterion]) -> Iterator[Caveat]:
    """What the folds say of each of ``corpora``, those of the table: too little, or nothing at all."""
    for fold in evaluation.corpora:
        if weak := list(_weak_correlations(fold, None, criteria)):
            # The gate asks of each fold by itself; over sources that lie apart, a correlation may well be lower.
            told = f"corpus {fold.group}, all its held-out rows together: {'; '.join(weak)}"
            yield Caveat("weak-corpus", f"{told}; scores of different sources may not compare there")
    silent = sorted(set(corpora) - {fold.group for fold in evaluation.corpora})
    if silent and evaluation.corpora:
        yield Caveat(
            "corpus-not-held-out",
            f"corpus {', '.join(silent)}: trained on and never held out, so the figures say nothing of it",
        )


def leakage_caveats(shared: Sequence[str], scheme: Scheme) -> Iterator[Caveat]:
    """One caveat if a fold of ``scheme`` is judged on groups of which its model has seen other rows."""
    if shared:
        some = ", ".join(shared[:3]) + (", …" if shared[3:] else "")
        yield Caveat(
            "shared-groups",
            f"the folds are cut by {', '.join(columns_of(scheme))}, and {len(shared)} groups ({some}) have rows on "
            "both sides of a fold: its model knows some of what it is judged on",
        )


def table_caveats(table: TableFingerprint, recipe: Recipe) -> Iterator[Caveat]:
    """Caveats of the table that ``recipe`` was trained on."""
    if table.missing_cells:
        counts = ", ".join(f"{column} {count}" for column, count in sorted(table.missing_cells.items()))
        yield Caveat(
            "missing-cells",
            f"{sum(table.missing_cells.values())} empty feature cells were filled with the median of each fit's "
            f"training rows: {counts}",
        )
    for column, count in sorted(table.unlisted.items()):
        yield Caveat(
            "unlisted-values",
            f"{count} of {table.rows_used} rows have a value that the recipe does not list, and are all {column}",
        )
    yield from _corpus_caveats(table.corpora)
    # Where a clip is declared to be its own group, one clip in each is what was meant.
    if table.clips == len(table.groups) and recipe.clip != recipe.group:
        yield Caveat(
            "one-clip-per-group",
            f"each of the {table.clips} groups has one clip; is the group column really the source?",
        )


def _corpus_caveats(corpora: Sequence[CorpusFingerprint]) -> Iterator[Caveat]:
    """What keeps the corpora of one table from being one: makers that only some name, targets that nowhere meet."""
    for what in ("teacher_model", "extractor"):
        silent = [each.corpus for each in corpora if getattr(each, what) is None]
        if silent and len(silent) < len(corpora):
            yield Caveat("unnamed-maker", f"{', '.join(silent)} does not say its {what}, as the other corpora do")
    for one, other in combinations([each for each in corpora if each.rows_used], 2):
        low, high = sorted((one, other), key=lambda each: each.target_max or 0.0)
        if (low.target_max or 0.0) < (high.target_min or 0.0):
            yield Caveat(
                "corpora-apart",
                f"the targets of {low.corpus} end at {low.target_max:g}, those of {high.corpus} begin at "
                f"{high.target_min:g}; are both on one scale?",
            )


def _weak_correlations(fold: Fold, reference: Fold | None, criteria: Sequence[Criterion]) -> Iterator[str]:
    """Each correlation of ``fold`` that is below what the gate asks of the folds together."""
    asked = [c for c in criteria if c.metric in CORRELATIONS and c.part == "folds" and c.relation == ">="]
    asked = [c for c in asked if c.aggregate in ("mean", "median", "min")]
    floors = {c.metric: c.threshold for c in sorted(asked, key=lambda c: c.threshold) if c.against is None}
    for metric in CORRELATIONS:
        value = fold.metrics.values.get(metric)
        # Of the one that the gate does not ask for, no less is expected than of the other.
        floor = floors.get(metric, max(floors.values(), default=None))
        if value is not None and floor is not None and value < floor:
            yield f"{metric.upper()} {value:.4f} is below {floor:g}"
    for criterion in (c for c in asked if c.against == "difference"):
        value, metric = fold.metrics.values.get(criterion.metric), criterion.metric.upper()
        other = reference.metrics.values.get(criterion.metric) if reference else None
        if value is not None and other is not None and value - other < criterion.threshold:
            yield f"{metric} {value:.4f} where the reference has {other:.4f}, and the gate asks for {criterion}"


def _large_error(fold: Fold, median_rmse: float | None) -> Iterator[str]:
    rmse = fold.metrics.values.get("rmse")
    if rmse is not None and median_rmse is not None and rmse > RMSE_OVER_MEDIAN * median_rmse:
        yield (
            f"RMSE {rmse:.3f} is {rmse / median_rmse:.1f} times the median fold's {median_rmse:.3f}"
            if median_rmse
            else f"RMSE {rmse:.3f} where the median fold has 0"
        )


def _is_content(scheme: Scheme) -> bool:
    """Whether a fold is some content as a whole, and not rows or groups that were drawn."""
    inner = scheme.within if isinstance(scheme, HeldOut) else scheme
    return isinstance(inner, LeaveOneGroupOut | PredefinedSplit)


def shipped_caveats(shipped: Shipped, evaluation: Evaluation) -> Iterator[Caveat]:
    """One caveat if the refresh is worse, in any figure, than what it replaces on the same held-out rows."""
    worse = []
    for metric, better in (("plcc", 1), ("srocc", 1), ("rmse", -1)):
        before, now = (shipped.summary or {}).get(metric), evaluation.summary.get(metric)
        if before is None or now is None or before.mean is None or now.mean is None:
            continue
        if better * (now.mean - before.mean) < 0:
            worse.append(f"mean {metric.upper()} {now.mean:.4f}, before {before.mean:.4f}")
    if worse:
        yield Caveat(
            WORSE_THAN_SHIPPED,
            f"on the rows that the folds hold out the model before does better: {'; '.join(worse)}; it may have been "
            "trained on these rows or on their content, and a fold's model never was",
        )


def drift_caveats(drift: Drift | None) -> Iterator[Caveat]:
    """One caveat for each input, and one for the target, whose distribution moved noticeably since the last release."""
    if drift is None:
        return
    for moved in drift.inputs:
        if figures := _notable(moved):
            yield Caveat("input-drift", f"{figures}; scores before and after the refresh may not compare")
    if drift.target is not None and (figures := _notable(drift.target)):
        yield Caveat(
            "target-drift",
            f"{figures}; it is what the model predicts, so scores and errors before and after the refresh do not "
            "compare, and the target may be on another scale",
        )


def is_notable_ratio(std_ratio: float) -> bool:
    """Whether a new standard deviation over the old one is far enough from 1 to be a caveat."""
    return std_ratio <= 0 or max(std_ratio, 1 / std_ratio) > STD_RATIO


def _notable(moved: ColumnDrift) -> str | None:
    """How far a column moved, in words: each figure that is far enough to matter."""
    figures = []
    if abs(moved.mean_shift) > MEAN_SHIFT:
        figures.append(f"the mean moved by {signed(moved.mean_shift, 2)} old standard deviations")
    if is_notable_ratio(moved.std_ratio):
        figures.append(f"the standard deviation is {moved.std_ratio:.2f} times the old one")
    return f"{moved.column}: {', '.join(figures)}" if figures else None
