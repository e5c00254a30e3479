"""How a cross-validation scheme cuts a table: which rows each fit sees, and which it is judged on."""

from __future__ import annotations

from collections.abc import Sequence
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
ByGroup = LeaveOneGroupOut | GroupKFold

# Rows that all fits of a plan train on together: more take hours, and their numbers alone two gigabytes.
MAX_TRAINED_ROWS = 2**28


@dataclass(frozen=True)
class Split:
    """One fold: its name, the row numbers that are trained on, and those that are held out; int64, ascending."""

    group: str
    train: Rows
    held_out: Rows


@dataclass(frozen=True)
class Plan:
    """Every split of a scheme, the rows of the final fit, and the test split if the scheme sets one aside."""

    splits: tuple[Split, ...]
    development: Rows
    test: Split | None = None


def plan(table: Table, scheme: Scheme) -> Plan:
    """``scheme`` on ``table``, the same every time.

    Raises TableError where the table is too small for it, or so large that training would never end.
    """
    _refuse_endless(_count_splits(scheme, table) + 1, len(table))
    everything = np.arange(len(table))
    match scheme:
        case HeldOut():
            return _set_aside(scheme, table)
        case PredefinedSplit():
            return _predefined(scheme, table)
        case _:
            return Plan(tuple(_splits(scheme, table, everything)), everything)


def _set_aside(scheme: HeldOut, table: Table) -> Plan:
    shuffled = np.random.default_rng(scheme.seed).permutation(np.unique(table.groups))
    chosen = shuffled[: max(1, round(scheme.test * len(shuffled)))]
    in_test = np.isin(table.groups, chosen)
    development, test = np.flatnonzero(~in_test), np.flatnonzero(in_test)
    return Plan(tuple(_splits(scheme.within, table, development)), development, Split("test", development, test))


def _predefined(scheme: PredefinedSplit, table: Table) -> Plan:
    found = table.frame[scheme.column].to_numpy(str)
    strange = ~np.isin(found, scheme.parts)
    if strange.any():
        first = strange.argmax()
        raise TableError(
            f"column {scheme.column} is {str(found[first])!a} in row {first}, and {strange.sum()} rows are of no part; "
            f"the recipe knows {', '.join(scheme.parts)}"
        )
    parts = {part: np.flatnonzero(found == part) for part in scheme.parts}
    for part, rows in parts.items():
        if not len(rows):
            raise TableError(f"column {scheme.column} is {part!r} in no row; the recipe asks for such rows")
    train, held_out = parts[scheme.train], parts[scheme.validation]
    development = np.union1d(train, held_out)
    test = None if scheme.test is None else Split("test", development, parts[scheme.test])
    return Plan((Split(scheme.validation, train, held_out),), development, test)


def shared_groups(cut: Plan, table: Table) -> tuple[str, ...]:
    """The groups of the recipe that have rows on both sides of a split."""
    parts = (*cut.splits, *([cut.test] if cut.test else []))
    labels = _labels(table, None)
    both = [np.intersect1d(labels.codes[part.train], labels.codes[part.held_out]) for part in parts]
    return tuple(labels.names[np.unique(np.concatenate(both))].tolist())


def fits(cut: Plan, seeds: Sequence[int]) -> list[Fit]:
    """For each split, and then for the final model, one fit with each seed.

    Raises TableError where training them would never end.
    """
    _refuse_endless((len(cut.splits) + 1) * len(seeds), len(cut.development))
    return [
        Fit(label, rows, seed)
        for label, rows in (*((s.group, s.train) for s in cut.splits), ("final", cut.development))
        for seed in seeds
    ]


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
def _splits(scheme: Scheme, table: Table, rows: Rows) -> list[Split]:
    raise TypeError(f"no rule splits a table by {type(scheme).__name__}")


@_splits.register
def _(scheme: LeaveOneGroupOut, table: Table, rows: Rows) -> list[Split]:
    labels = _labels(table, scheme.by)
    groups = _held_out_groups(scheme, table, rows, labels)
    _require(len(groups), 2, "groups")  # a test split may have left fewer than the table has
    return [_hold_out_groups(group, scheme, table, rows, labels, np.array([group])) for group in groups]


@_splits.register
def _(scheme: KFold, table: Table, rows: Rows) -> list[Split]:
    _require(len(rows), scheme.folds, "rows")
    generator = np.random.default_rng(scheme.seed)
    if not scheme.stratify:
        return _deal(rows, rows[generator.permutation(len(rows))], scheme.folds)
    # Rows of like target lie side by side; each run of them is dealt out, one to a fold, in random order.
    ranked = rows[np.argsort(table.target[rows], kind="stable")]
    runs = np.array_split(ranked, range(scheme.folds, len(ranked), scheme.folds))
    assigned = np.concatenate([generator.permutation(scheme.folds)[: len(run)] for run in runs])
    return [_hold_out(f"fold-{k + 1}", rows, np.isin(rows, ranked[assigned == k])) for k in range(scheme.folds)]


@_splits.register
def _(scheme: GroupKFold, table: Table, rows: Rows) -> list[Split]:
    labels = _labels(table, scheme.by)
    groups = _held_out_groups(scheme, table, rows, labels)
    _require(len(groups), scheme.folds, "groups")
    shuffled = np.random.default_rng(scheme.seed).permutation(groups)
    parts = np.array_split(shuffled, scheme.folds)
    return [_hold_out_groups(f"fold-{k}", scheme, table, rows, labels, part) for k, part in enumerate(parts, start=1)]


@_splits.register
def _(scheme: RepeatedHoldout, table: Table, rows: Rows) -> list[Split]:
    size = max(1, round(scheme.test * len(rows)))
    _require(len(rows), size + 1, "rows")
    generator = np.random.default_rng(scheme.seed)
    chosen = [generator.permutation(len(rows))[:size] for _ in range(scheme.splits)]
    everyone = np.arange(len(rows))
    return [_hold_out(f"split-{k}", rows, np.isin(everyone, part)) for k, part in enumerate(chosen, start=1)]


def _labels(table: Table, column: str | None) -> Labels:
    """The group of each row: its value of ``column``, or what the recipe says."""
    return label(table.frame[table.recipe.group if column is None else column])


def _may_be_held_out(scheme: ByGroup, table: Table, rows: Rows) -> NDArray[np.bool_]:
    return np.ones(len(rows), bool) if scheme.within is None else choose(table.frame.iloc[rows], scheme.within)


def _held_out_groups(scheme: ByGroup, table: Table, rows: Rows, labels: Labels) -> NDArray[np.str_]:
    return labels.names[np.unique(labels.codes[rows[_may_be_held_out(scheme, table, rows)]])]


def _hold_out_groups(
    name: str, scheme: ByGroup, table: Table, rows: Rows, labels: Labels, groups: NDArray[np.str_]
) -> Split:
    """No row of ``groups`` is trained on, and those that may be are held out."""
    theirs = labels.are_among(groups)[rows]
    return Split(str(name), rows[~theirs], rows[theirs & _may_be_held_out(scheme, table, rows)])


def _hold_out(group: str, rows: Rows, mask: NDArray[np.bool_]) -> Split:
    return Split(str(group), rows[~mask], rows[mask])


def _deal(rows: Rows, shuffled: Rows, folds: int) -> list[Split]:
    parts = np.array_split(shuffled, folds)
    return [_hold_out(f"fold-{k}", rows, np.isin(rows, part)) for k, part in enumerate(parts, start=1)]


def _require(there: int, needed: int, what: str) -> None:
    if there < needed:
        raise TableError(f"{there} {what} cannot be cut into {needed} parts; the table is too small for the recipe")
