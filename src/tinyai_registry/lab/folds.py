"""How a cross-validation scheme cuts a table: which rows each fit sees, and which it is judged on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import singledispatch

import numpy as np
from numpy.typing import NDArray

from tinyai_registry.errors import TableError
from tinyai_registry.evaluation import Fit
from tinyai_registry.lab.keys import Labels, label
from tinyai_registry.lab.rows import choose
from tinyai_registry.lab.table import Table
from tinyai_registry.recipe import (
    GroupKFold,
    HeldOut,
    KFold,
    LeaveOneGroupOut,
    PredefinedSplit,
    RepeatedHoldout,
    Scheme,
)

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]
ByGroup = LeaveOneGroupOut | GroupKFold

# Rows that all fits of a plan train on together: more take hours, and their numbers alone two gigabytes.
MAX_TRAINED_ROWS = 2**28


@dataclass(frozen=True)
class Split:
    """One fold: its name, and for each row of the table, ``[N]``, whether it is trained on and whether it is held out.

    A row may be neither.
    """

    group: str
    trained: Mask
    held: Mask

    @property
    def train(self) -> Rows:
        """The row numbers that are trained on, ascending."""
        return np.flatnonzero(self.trained)

    @property
    def held_out(self) -> Rows:
        """The row numbers that are held out, ascending."""
        return np.flatnonzero(self.held)


@dataclass(frozen=True)
class Plan:
    """Every split of a scheme, the rows of the final fit, and the test split if the scheme sets one aside."""

    splits: tuple[Split, ...]
    developed: Mask
    test: Split | None = None

    @property
    def development(self) -> Rows:
        """The row numbers that the final fit is trained on, ascending."""
        return np.flatnonzero(self.developed)


def plan(table: Table, scheme: Scheme) -> Plan:
    """``scheme`` on ``table``, the same every time.

    Raises TableError where the table is too small for it, or so large that training would never end.
    """
    splits, developed, test = _cut(table, scheme)
    return Plan(tuple(splits), developed, test)


def names(table: Table, scheme: Scheme) -> list[str]:
    """What the splits of ``scheme`` are called. Each is cut and let go: raises what :func:`plan` raises."""
    splits, _, _ = _cut(table, scheme)
    return [split.group for split in splits]


def _cut(table: Table, scheme: Scheme) -> tuple[Iterator[Split], Mask, Split | None]:
    """The splits, one after another, the rows of the final fit, and the test split."""
    _refuse_endless(_count_splits(scheme, table) + 1, len(table))
    match scheme:
        case HeldOut():
            return _set_aside(scheme, table)
        case PredefinedSplit():
            return _predefined(scheme, table)
        case _:
            everything = np.ones(len(table), bool)
            return _splits(scheme, table, everything), everything, None


def _set_aside(scheme: HeldOut, table: Table) -> tuple[Iterator[Split], Mask, Split]:
    labels = _labels(table, None)
    shuffled = np.random.default_rng(scheme.seed).permutation(labels.names)
    in_test = labels.are_among(shuffled[: max(1, round(scheme.test * len(shuffled)))])
    return _splits(scheme.within, table, ~in_test), ~in_test, Split("test", ~in_test, in_test)


def _predefined(scheme: PredefinedSplit, table: Table) -> tuple[Iterator[Split], Mask, Split | None]:
    labels = _labels(table, scheme.column)
    strange = ~labels.are_among(np.array(scheme.parts))
    if strange.any():
        first = strange.argmax()
        raise TableError(
            f"column {scheme.column} is {str(labels.names[labels.codes[first]])!a} in row {first}, and {strange.sum()} "
            f"rows are of no part; the recipe knows {', '.join(scheme.parts)}"
        )
    parts = {part: labels.are_among(np.array([part])) for part in scheme.parts}
    for part, rows in parts.items():
        if not rows.any():
            raise TableError(f"column {scheme.column} is {part!r} in no row; the recipe asks for such rows")
    train, held_out = parts[scheme.train], parts[scheme.validation]
    development = train | held_out
    test = None if scheme.test is None else Split("test", development, parts[scheme.test])
    return iter([Split(scheme.validation, train, held_out)]), development, test


def shared_groups(cut: Plan, table: Table) -> tuple[str, ...]:
    """The groups of the recipe that have rows on both sides of a split."""
    parts = (*cut.splits, *([cut.test] if cut.test else []))
    labels = _labels(table, None)
    both = [np.intersect1d(labels.of(part.trained), labels.of(part.held)) for part in parts]
    return tuple(np.unique(np.concatenate(both)).tolist())


def fits(cut: Plan, seeds: Sequence[int]) -> list[Fit]:
    """For each split, and then for the final model, one fit with each seed.

    Raises TableError where training them would never end.
    """
    development = cut.development
    _refuse_endless((len(cut.splits) + 1) * len(seeds), len(development))
    parts = ((split.group, split.train) for split in cut.splits)
    return [Fit(label, rows, seed) for label, rows in (*parts, ("final", development)) for seed in seeds]


def _refuse_endless(count: int, rows: int) -> None:
    if count * rows > MAX_TRAINED_ROWS:
        raise TableError(
            f"the recipe plans {count} fits of up to {rows} rows each, {count * rows} in all, and {MAX_TRAINED_ROWS} "
            "are allowed; hold out several groups at a time (GroupKFold), or declare fewer folds, splits or seeds"
        )


def _count_splits(scheme: Scheme, table: Table) -> int:
    match scheme:
        case LeaveOneGroupOut():
            return len(_labels(table, scheme.by).names)
        case HeldOut():
            return _count_splits(scheme.within, table)
        case RepeatedHoldout():
            return scheme.splits
        case KFold() | GroupKFold():
            return scheme.folds
        case _:
            return 0  # there is no rule for it, as _splits will say


@singledispatch
def _splits(scheme: Scheme, table: Table, among: Mask) -> Iterator[Split]:
    """The splits of the rows ``among`` those of the table."""
    raise TypeError(f"no rule splits a table by {type(scheme).__name__}")


@_splits.register
def _(scheme: LeaveOneGroupOut, table: Table, among: Mask) -> Iterator[Split]:
    labels, may = _labels(table, scheme.by), _may_be_held_out(scheme, table, among)
    groups = labels.of(may)
    _require(len(groups), 2, "groups", scheme)  # a test split may have left fewer than the table has
    return (_hold_out_groups(group, among, may, labels, np.array([group])) for group in groups)


@_splits.register
def _(scheme: KFold, table: Table, among: Mask) -> Iterator[Split]:
    rows = np.flatnonzero(among)
    _require(len(rows), scheme.folds, "rows", scheme)
    generator = np.random.default_rng(scheme.seed)
    if not scheme.stratify:
        parts = np.array_split(rows[generator.permutation(len(rows))], scheme.folds)
        return (_hold_out(f"fold-{k}", among, part) for k, part in enumerate(parts, start=1))
    # Rows of like target lie side by side; each run of them is dealt out, one to a fold, in random order.
    ranked = rows[np.argsort(table.target[rows], kind="stable")]
    runs = np.array_split(ranked, range(scheme.folds, len(ranked), scheme.folds))
    assigned = np.concatenate([generator.permutation(scheme.folds)[: len(run)] for run in runs])
    return (_hold_out(f"fold-{k + 1}", among, ranked[assigned == k]) for k in range(scheme.folds))


@_splits.register
def _(scheme: GroupKFold, table: Table, among: Mask) -> Iterator[Split]:
    labels, may = _labels(table, scheme.by), _may_be_held_out(scheme, table, among)
    groups = labels.of(may)
    _require(len(groups), scheme.folds, "groups", scheme)
    shuffled = np.random.default_rng(scheme.seed).permutation(groups)
    parts = np.array_split(shuffled, scheme.folds)
    return (_hold_out_groups(f"fold-{k}", among, may, labels, part) for k, part in enumerate(parts, start=1))


@_splits.register
def _(scheme: RepeatedHoldout, table: Table, among: Mask) -> Iterator[Split]:  # one rule's signature
    rows = np.flatnonzero(among)
    size = max(1, round(scheme.test * len(rows)))
    _require(len(rows), size + 1, "rows", scheme)
    generator = np.random.default_rng(scheme.seed)
    chosen = (generator.permutation(len(rows))[:size] for _ in range(scheme.splits))
    return (_hold_out(f"split-{k}", among, rows[part]) for k, part in enumerate(chosen, start=1))


def _labels(table: Table, column: str | None) -> Labels:
    """The group of each row: its value of ``column``, or what the recipe says."""
    return label(table.frame[table.recipe.group if column is None else column])


def _may_be_held_out(scheme: ByGroup, table: Table, among: Mask) -> Mask:
    return among if scheme.within is None else among & choose(table.frame, scheme.within)


def _hold_out_groups(name: str, among: Mask, may: Mask, labels: Labels, groups: NDArray[np.str_]) -> Split:
    """No row of ``groups`` is trained on, and those that may be are held out."""
    theirs = labels.are_among(groups)
    return Split(str(name), among & ~theirs, may & theirs)


def _hold_out(name: str, among: Mask, rows: Rows) -> Split:
    held = np.zeros(len(among), bool)
    held[rows] = True
    return Split(name, among & ~held, held)


def _require(there: int, needed: int, what: str, scheme: Scheme) -> None:
    if there < needed:
        raise TableError(
            f"{there} {what} cannot be cut into {needed} parts; the table is too small for the {type(scheme).__name__} "
            "that the recipe declares, as `folds` or in a protocol"
        )
