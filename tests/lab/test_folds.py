"""Every row is held out exactly once, and no group lies on both sides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tinyai_registry.errors import TableError
from tinyai_registry.lab.folds import fits, splits
from tinyai_registry.recipe import KFold


def kfold(table, rows, scheme):
    recipe = replace(table.recipe, folds=scheme)
    return replace(table, recipe=recipe, frame=table.frame.iloc[:rows])


def test_leave_one_group_out_holds_out_each_group_once_and_whole(table):
    folds = splits(table)
    assert [fold.group for fold in folds] == sorted(set(table.groups))
    assert np.array_equal(np.sort(np.concatenate([f.held_out for f in folds])), np.arange(len(table.target)))
    for fold in folds:
        assert set(table.groups[fold.held_out]) == {fold.group}


def test_no_group_is_both_trained_on_and_held_out(table):
    folds = splits(table)
    *held_out_fits, final = fits(table, folds)
    for fold, fit in zip(folds, held_out_fits, strict=True):
        assert fit.label == fold.group
        assert not set(table.groups[fit.rows]) & set(table.groups[fold.held_out])
        assert sorted([*fit.rows, *fold.held_out]) == list(range(len(table.target)))
    assert final.label == "final"
    assert np.array_equal(final.rows, np.arange(len(table.target)))


def test_groups_that_are_scattered_over_the_table_do_not_leak(read, frame):
    table = read(frame.sample(frac=1, random_state=3))
    for fold, fit in zip(splits(table), fits(table, splits(table))[:-1], strict=True):
        assert not set(table.groups[fit.rows]) & {fold.group}
        assert len(fit.rows) + len(fold.held_out) == len(frame)


def test_numbered_groups_are_all_held_out(read, frame):
    table = read(frame.assign(source=frame.source.factorize()[0] * 1000))
    folds = splits(table)
    assert len(folds) == 11
    assert sum(len(fold.held_out) for fold in folds) == len(frame)


def test_every_fit_has_the_seed_of_the_recipe(table):
    table = replace(table, recipe=replace(table.recipe, seed=42))
    assert {fit.seed for fit in fits(table, splits(table))} == {42}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.integers(2, 480), folds=st.integers(2, 12), seed=st.integers(0, 2**32))
def test_kfold_is_a_partition_into_equal_parts(table, rows, folds, seed):
    table = kfold(table, max(rows, folds), KFold(folds, seed))
    cut = splits(table)
    assert [part.group for part in cut] == [f"fold-{k + 1}" for k in range(folds)]
    held_out = np.concatenate([part.held_out for part in cut])
    assert np.array_equal(np.sort(held_out), np.arange(len(table.target)))
    sizes = [len(part.held_out) for part in cut]
    assert max(sizes) - min(sizes) <= 1
    for part, fit in zip(cut, fits(table, cut)[:-1], strict=True):
        assert np.array_equal(np.union1d(part.held_out, fit.rows), np.arange(len(table.target)))
        assert len(part.held_out) + len(fit.rows) == len(table.target)


def test_kfold_is_the_same_twice_and_follows_its_seed(table):
    def cut(seed):
        return [part.held_out.tolist() for part in splits(kfold(table, 100, KFold(3, seed)))]

    assert cut(0) == cut(0)
    assert cut(0) != cut(1)
    assert cut(0)[0] != list(range(34))


def test_fewer_rows_than_folds_are_refused(table):
    with pytest.raises(TableError, match="3 rows cannot be cut into 4 folds"):
        splits(kfold(table, 3, KFold(4)))


def test_a_scheme_without_a_rule_is_an_error(table):
    with pytest.raises(TypeError, match="no rule splits a table by str"):
        splits(replace(table, recipe=replace(table.recipe, folds="by hand")))
