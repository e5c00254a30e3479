"""Every row is held out as its scheme says, and no group lies on both sides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tinyai_registry.errors import TableError
from tinyai_registry.lab.folds import fits, names, plan, shared_groups
from tinyai_registry.recipe import (
    GroupKFold,
    HeldOut,
    KFold,
    LeaveOneGroupOut,
    PredefinedSplit,
    RepeatedHoldout,
    Where,
)

LOSO = LeaveOneGroupOut()
SEEDS = st.integers(0, 2**32)
WITHIN = st.just(LOSO) | st.builds(GroupKFold, st.integers(2, 5), SEEDS)
SCHEMES = {
    "leave one group out": st.just(LOSO),
    "k-fold": st.builds(KFold, st.integers(2, 12), SEEDS),
    "stratified k-fold": st.builds(KFold, st.integers(2, 12), SEEDS, stratify=st.just(True)),
    "group k-fold": st.builds(GroupKFold, st.integers(2, 11), SEEDS),
    "repeated holdout": st.builds(RepeatedHoldout, st.integers(2, 20), st.floats(0.05, 0.9), SEEDS),
    "held out": st.builds(HeldOut, WITHIN, st.floats(0.01, 0.5), SEEDS),
}
BY_ROW = ("k-fold", "stratified k-fold", "repeated holdout")
CUT_ONCE = [name for name in SCHEMES if name != "repeated holdout"]
shared_table = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)


def first(table, rows):
    return replace(table, frame=table.frame.iloc[:rows])


def everything(table):
    return np.arange(len(table.target))


def as_lists(cut):
    splits = [(s.group, s.train.tolist(), s.held_out.tolist()) for s in (*cut.splits, *([cut.test] * bool(cut.test)))]
    return splits, cut.development.tolist()


# --- what holds for every scheme


@pytest.mark.parametrize("name", SCHEMES)
@shared_table
@given(data=st.data())
def test_every_split_cuts_the_development_rows_in_two(table, name, data):
    scheme = data.draw(SCHEMES[name])
    cut = plan(table, scheme)
    assert names(table, scheme) == [split.group for split in cut.splits]
    for split in cut.splits:
        assert len(split.train) > 0
        assert len(split.held_out) > 0
        assert np.array_equal(np.sort(np.concatenate([split.train, split.held_out])), cut.development)


@pytest.mark.parametrize("name", CUT_ONCE)
@shared_table
@given(data=st.data())
def test_every_development_row_is_held_out_exactly_once(table, name, data):
    cut = plan(table, data.draw(SCHEMES[name]))
    assert np.array_equal(np.sort(np.concatenate([s.held_out for s in cut.splits])), cut.development)
    assert len({s.group for s in cut.splits}) == len(cut.splits)


@pytest.mark.parametrize("name", [name for name in SCHEMES if name not in BY_ROW])
@shared_table
@given(data=st.data())
def test_no_group_is_both_trained_on_and_held_out(table, name, data):
    cut = plan(table, data.draw(SCHEMES[name]))
    for split in (*cut.splits, *([cut.test] if cut.test else [])):
        assert not set(table.groups[split.train]) & set(table.groups[split.held_out])


@pytest.mark.parametrize("name", SCHEMES)
@shared_table
@given(data=st.data())
def test_the_same_scheme_cuts_the_same_table_the_same_way(table, name, data):
    scheme = data.draw(SCHEMES[name])
    assert as_lists(plan(table, scheme)) == as_lists(plan(table, scheme))


SEEDED = {
    "k-fold": lambda seed: KFold(3, seed),
    "stratified k-fold": lambda seed: KFold(3, seed, stratify=True),
    "group k-fold": lambda seed: GroupKFold(3, seed),
    "repeated holdout": lambda seed: RepeatedHoldout(3, seed=seed),
    "held out": lambda seed: HeldOut(LOSO, seed=seed),
}


@pytest.mark.parametrize("scheme", SEEDED.values(), ids=SEEDED)
def test_another_seed_cuts_otherwise(table, scheme):
    assert as_lists(plan(table, scheme(0))) != as_lists(plan(table, scheme(1)))


@pytest.mark.parametrize(
    "scheme", [LOSO, KFold(3), KFold(3, stratify=True), GroupKFold(3), RepeatedHoldout(3)], ids=str
)
def test_only_a_held_out_scheme_sets_a_test_split_aside(table, scheme):
    cut = plan(table, scheme)
    assert cut.test is None
    assert np.array_equal(cut.development, everything(table))


# --- leave one group out


def test_leave_one_group_out_holds_out_each_group_once_and_whole(table):
    splits = plan(table, LOSO).splits
    assert [split.group for split in splits] == sorted(set(table.groups))
    for split in splits:
        assert set(table.groups[split.held_out]) == {split.group}


def test_groups_that_are_scattered_over_the_table_do_not_leak(read, frame):
    table = read(frame.sample(frac=1, random_state=3))
    for split in plan(table, LOSO).splits:
        assert not set(table.groups[split.train]) & {split.group}
        assert len(split.train) + len(split.held_out) == len(frame)


def test_numbered_groups_are_all_held_out(read, frame):
    table = read(frame.assign(source=frame.source.factorize()[0] * 1000))
    splits = plan(table, LOSO).splits
    assert len(splits) == 11
    assert sum(len(split.held_out) for split in splits) == len(frame)


# --- k-fold


@shared_table
@given(rows=st.integers(2, 480), folds=st.integers(2, 12), seed=SEEDS, stratify=st.booleans())
def test_kfold_cuts_into_equal_parts(table, rows, folds, seed, stratify):
    cut = plan(first(table, max(rows, folds)), KFold(folds, seed, stratify))
    assert [part.group for part in cut.splits] == [f"fold-{k + 1}" for k in range(folds)]
    sizes = [len(part.held_out) for part in cut.splits]
    assert max(sizes) - min(sizes) <= 1


def test_kfold_shuffles(table):
    assert plan(first(table, 100), KFold(3)).splits[0].held_out.tolist() != list(range(34))


@shared_table
@given(seed=SEEDS)
def test_stratified_folds_have_targets_alike(table, seed):
    """Each run of five like targets gives one to each fold, so means stray by a mean run's width at most."""
    ranked = np.sort(table.target)
    widest = sum(np.ptp(ranked[k : k + 5]) for k in range(0, len(ranked), 5)) / (len(ranked) / 5)
    means = [table.target[part.held_out].mean() for part in plan(table, KFold(5, seed, stratify=True)).splits]
    assert np.ptp(means) <= widest
    assert widest < 0.05 * np.ptp(ranked)


def test_folds_that_are_not_stratified_have_targets_less_alike(table):
    def unlike(stratify):
        cuts = [plan(table, KFold(5, seed, stratify)).splits for seed in range(20)]
        return np.mean([np.ptp([table.target[part.held_out].mean() for part in cut]) for cut in cuts])

    assert unlike(stratify=True) < unlike(stratify=False) / 5


# --- group k-fold, repeated holdout


@shared_table
@given(folds=st.integers(2, 11), seed=SEEDS)
def test_group_kfold_deals_out_groups_evenly(table, folds, seed):
    splits = plan(table, GroupKFold(folds, seed)).splits
    assert [split.group for split in splits] == [f"fold-{k + 1}" for k in range(folds)]
    sizes = [len(set(table.groups[split.held_out])) for split in splits]
    assert max(sizes) - min(sizes) <= 1


@shared_table
@given(splits=st.integers(2, 30), share=st.floats(0.01, 0.9), seed=SEEDS)
def test_repeated_holdout_holds_out_the_same_share_every_time(table, splits, share, seed):
    cut = plan(table, RepeatedHoldout(splits, share, seed)).splits
    assert [split.group for split in cut] == [f"split-{k + 1}" for k in range(splits)]
    assert {len(split.held_out) for split in cut} == {max(1, round(share * len(table.target)))}


def test_the_splits_of_a_repeated_holdout_are_independent(table):
    cut = plan(table, RepeatedHoldout(100, 0.2)).splits
    assert len({split.held_out.tobytes() for split in cut}) == 100
    times = np.bincount(np.concatenate([split.held_out for split in cut]), minlength=len(table.target))
    assert times.min() > 0
    assert times.mean() == pytest.approx(20)


# --- by another column, within some rows


@pytest.fixture
def encoded(frame):
    """The rows with the codec that made them, as their names say."""
    return frame.assign(codec=frame.dis_basename.str.extract("_(x264|x265|vp9|svtav1|mpeg2)_", expand=False))


def test_groups_may_be_those_of_another_column(read, encoded):
    table = read(encoded, folds=LeaveOneGroupOut(by="codec"))
    splits = plan(table, table.recipe.folds).splits
    assert [split.group for split in splits] == sorted(set(encoded.codec))
    for split in splits:
        assert set(encoded.codec[split.held_out]) == {split.group}
        assert split.group not in set(encoded.codec[split.train])


def test_groups_that_a_fold_cuts_through_are_told(read, encoded):
    by_codec = LeaveOneGroupOut(by="codec")
    table = read(encoded, folds=by_codec)
    assert shared_groups(plan(table, by_codec), table) == tuple(sorted(set(encoded.source)))
    assert shared_groups(plan(table, LOSO), table) == ()


BY_GROUP = {
    "leave one group out": lambda within: LeaveOneGroupOut(within=within),
    "group k-fold": lambda within: GroupKFold(4, within=within),
    "held out": lambda within: HeldOut(LeaveOneGroupOut(within=within)),
}


@pytest.mark.parametrize("scheme", BY_GROUP.values(), ids=BY_GROUP)
def test_only_rows_within_are_held_out_and_no_other_row_of_their_group_is_trained_on(read, encoded, scheme):
    folds = scheme(Where("codec", "==", "x264"))
    cut = plan(read(encoded, folds=folds), folds)
    sources = encoded.source.to_numpy()
    for split in cut.splits:
        assert set(encoded.codec[split.held_out]) == {"x264"}
        assert len(set(encoded.codec[split.train])) > 1
        assert not set(sources[split.held_out]) & set(sources[split.train])
    held_out = np.concatenate([split.held_out for split in cut.splits])
    assert sorted(held_out) == [row for row in cut.development if encoded.codec[row] == "x264"]
    assert set(encoded.codec[cut.development]) == set(encoded.codec)


def test_a_condition_on_text_is_not_asked_of_numbers(read, encoded):
    folds = LeaveOneGroupOut(within=Where("frame_index", "==", "0"))
    with pytest.raises(TableError, match="column frame_index has numbers, and the recipe asks for the rows where"):
        plan(read(encoded, folds=folds), folds)


def test_a_condition_that_no_row_meets_leaves_nothing_to_hold_out(read, encoded):
    folds = LeaveOneGroupOut(within=Where("codec", "==", "x266"))
    with pytest.raises(TableError, match="0 groups cannot be cut into 2 parts"):
        plan(read(encoded, folds=folds), folds)


# --- a split that the table gives


def _with_splits(frame):
    return frame.assign(split=np.resize(["train", "train", "val", "test"], len(frame)))


def test_the_table_says_which_rows_are_trained_on_held_out_and_set_aside(read, frame):
    given = _with_splits(frame)
    cut = plan(read(given, folds=PredefinedSplit("split")), PredefinedSplit("split"))
    rows = {part: np.flatnonzero(given.split == part).tolist() for part in ("train", "val", "test")}
    assert as_lists(cut) == (
        [("val", rows["train"], rows["val"]), ("test", sorted(rows["train"] + rows["val"]), rows["test"])],
        sorted(rows["train"] + rows["val"]),
    )


def test_a_table_without_a_test_split_is_cut_in_two(read, frame):
    scheme = PredefinedSplit("split", "train", "test", test=None)
    given = frame.assign(split=np.resize(["train", "test"], len(frame)))
    cut = plan(read(given, folds=scheme), scheme)
    assert [split.group for split in cut.splits] == ["test"]
    assert cut.test is None


GIVEN = {
    "a part that the recipe does not know": ({"val": "dev"}, "column split is 'dev' in row 2"),
    "a part without rows": ({"val": "train"}, "column split is 'val' in no row"),
}


@pytest.mark.parametrize(("names", "told"), GIVEN.values(), ids=GIVEN)
def test_a_split_column_with_other_values_is_refused(read, frame, names, told):
    given = _with_splits(frame)
    given["split"] = given.split.replace(names)
    with pytest.raises(TableError, match=told):
        plan(read(given, folds=PredefinedSplit("split")), PredefinedSplit("split"))


# --- held out


@shared_table
@given(scheme=SCHEMES["held out"])
def test_no_fit_of_a_held_out_scheme_sees_a_row_of_the_test_split(table, scheme):
    cut = plan(table, scheme)
    assert np.array_equal(np.union1d(cut.test.held_out, cut.development), everything(table))
    for fit in fits(cut, (0, 1)):
        assert not set(fit.rows.tolist()) & set(cut.test.held_out.tolist())
        assert not set(table.groups[fit.rows]) & set(table.groups[cut.test.held_out])
    for split in cut.splits:
        assert not set(split.held_out.tolist()) & set(cut.test.held_out.tolist())


@pytest.mark.parametrize(("share", "groups"), [(0.01, 1), (0.2, 2), (0.5, 6)])
def test_the_test_split_has_its_share_of_the_groups(table, share, groups):
    cut = plan(table, HeldOut(LOSO, share))
    assert len(set(table.groups[cut.test.held_out])) == groups
    assert len(cut.splits) == 11 - groups
    assert cut.test.group == "test"


# --- fits


@pytest.mark.parametrize("scheme", [LOSO, HeldOut(GroupKFold(3)), RepeatedHoldout(4)], ids=str)
def test_each_split_and_then_the_final_model_is_fitted_with_every_seed(table, scheme):
    cut = plan(table, scheme)
    asked = fits(cut, (7, 8))
    assert [(fit.label, fit.seed) for fit in asked] == [
        (label, seed) for label in (*(s.group for s in cut.splits), "final") for seed in (7, 8)
    ]
    for fit, rows in zip(asked[::2], (*(s.train for s in cut.splits), cut.development), strict=True):
        assert np.array_equal(fit.rows, rows)


# --- refused

TOO_SMALL = {
    "fewer rows than folds": (KFold(4), 3, "3 rows cannot be cut into 4 parts"),
    "fewer rows than stratified folds": (KFold(4, stratify=True), 3, "3 rows cannot be cut into 4 parts"),
    "fewer groups than folds": (GroupKFold(12), 480, "11 groups cannot be cut into 12 parts.* for the GroupKFold that"),
    "one row to hold out": (RepeatedHoldout(5, 0.9), 1, "1 rows cannot be cut into 2 parts"),
    "fewer groups than folds beside the test split": (
        HeldOut(GroupKFold(11)),
        480,
        "9 groups cannot be cut into 11 parts",
    ),
}


@pytest.mark.parametrize(("scheme", "rows", "told"), TOO_SMALL.values(), ids=TOO_SMALL)
def test_a_table_that_is_too_small_for_its_scheme_is_refused(table, scheme, rows, told):
    with pytest.raises(TableError, match=told):
        plan(first(table, rows), scheme)


ENDLESS = {
    "a group for each of very many rows": (LOSO, 1, "plans 20001 fits of up to 20000 rows each", "GroupKFold"),
    "the same beside a test split": (HeldOut(LOSO), 1, "plans 20001 fits of up to 20000 rows each", "GroupKFold"),
    "very many splits": (
        RepeatedHoldout(15_000),
        1,
        "plans 15001 fits of up to 20000 rows each",
        "fewer folds, splits",
    ),
    "very many folds": (KFold(15_000), 1, "plans 15001 fits of up to 20000 rows each", "fewer folds"),
    "very many folds of groups": (GroupKFold(15_000), 1, "plans 15001 fits", "fewer folds"),
    "very many seeds": (KFold(99), 200, "plans 20000 fits of up to 20000 rows each, 400000000 in all", "or seeds"),
}


@pytest.mark.parametrize(("scheme", "seeds", "told", "way_out"), ENDLESS.values(), ids=ENDLESS)
def test_a_plan_that_would_never_end_is_refused_before_it_is_made(table, scheme, seeds, told, way_out):
    many = pd.DataFrame({"source": np.arange(20_000), "vmaf": 50.0})
    with pytest.raises(TableError) as refused:
        fits(plan(replace(table, frame=many), scheme), range(seeds))
    assert told in str(refused.value)
    assert way_out in str(refused.value)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("within", [LOSO, GroupKFold(2)], ids=str)
def test_a_test_split_that_leaves_too_few_groups_to_cross_validate_is_refused(table, groups, within):
    chosen = sorted(set(table.groups))[:groups]
    few = replace(table, frame=table.frame[np.isin(table.groups, chosen)].reset_index(drop=True))
    with pytest.raises(TableError, match="groups cannot be cut into 2 parts"):
        plan(few, HeldOut(within, 0.5))


def test_a_scheme_without_a_rule_is_an_error(table):
    with pytest.raises(TypeError, match="no rule splits a table by str"):
        plan(table, "by hand")
