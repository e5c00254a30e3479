"""The power may go at any moment, with whatever was not synced lost, half-kept or kept in any order."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from harness import Op, assert_sound, contents, drawn_alike, fast_folder, recorded
from power import Disk, Tree, write_tree
from test_kill import SCENARIOS, before_and_after

from tinyai_registry.store import layout
from tinyai_registry.store.recovery import recover

CHOSEN = ["first publish", "refresh that withdraws", "rollback to a foreign release"]
OTHERS = ["import", "migration", "removal", "renaming"]


@pytest.fixture
def folder():
    with fast_folder() as name:
        yield Path(name)


class Checked:
    """Trees that were recovered, each once, and what came of them."""

    def __init__(self, folder: Path, old: dict[str, bytes], new: dict[str, bytes]) -> None:
        self.root, self.old, self.new = folder / "lost", old, new
        self.outcomes: dict[frozenset, bool] = {}
        self.cuts = 0

    def check(self, tree: Tree, where: str) -> bool:
        """Whether ``tree``, recovered, is the new release; it must be that or the old one, whole."""
        key = frozenset(tree.items())
        if key not in self.outcomes:
            write_tree(tree, self.root)
            self.outcomes[key] = assert_sound(self.root, self.old, self.new, where)
            shutil.rmtree(self.root)
        return self.outcomes[key]


def committed_for_sure(ops: list[Op]) -> int:
    """How many operations it takes until the commit is on the disk: the last link, and the sync of its folder."""
    link = max(n for n, op in enumerate(ops) if op.kind == "link")
    log = ops[link].target.parent
    return next(n for n in range(link, len(ops)) if ops[n].kind == "fsync" and ops[n].path == log) + 1


@pytest.mark.parametrize("scenario", [*CHOSEN, *OTHERS])
def test_cut_at_every_operation_it_is_one_release_or_the_other(folder, scenario, tell):
    make, act = SCENARIOS[scenario]
    start, old, new = before_and_after(folder, make, act)
    disk, checked, chance = Disk(start), Checked(folder, old, new), random.Random(0)
    ops = recorded(lambda: act(start))
    sure, few = committed_for_sure(ops), scenario in OTHERS
    for cut in range(len(ops) + 1):
        outcomes = {checked.check(tree, f"{scenario}, cut {cut} of {len(ops)}") for tree in disk.trees(chance, few=few)}
        assert cut < sure or outcomes == {True}, f"{scenario}: lost at cut {cut}, though committed"
        if cut < len(ops):
            disk.apply(ops[cut])
    tell(f"{scenario}: power cut at {len(ops) + 1} points, {len(checked.outcomes)} different disks recovered")
    assert {True, False} == set(checked.outcomes.values())
    assert len(checked.outcomes) >= (20 if few else 50)


@pytest.mark.parametrize("scenario", CHOSEN)
def test_cut_in_the_recovery_of_a_process_that_was_killed(folder, scenario, tell):
    """Killed first, so that it synced nothing further, and then the power goes while, or after, that is mended."""
    make, act = SCENARIOS[scenario]
    start, old, new = before_and_after(folder, make, act)
    shutil.copytree(start, folder / "kept")
    ops = recorded(lambda: act(start))
    checked, chance, cuts = Checked(folder, old, new), random.Random(0), 0
    for killed in range(1, len(ops)):
        shutil.rmtree(start)
        shutil.copytree(folder / "kept", start)
        disk = Disk(start)
        for op in ops[:killed]:
            disk.apply(op)
        shutil.rmtree(start)
        write_tree(next(disk.trees(chance)), start)  # everything is there: the power has not gone yet
        with drawn_alike():
            mending = recorded(lambda: recover(start)) if layout.pending_folder(start).is_dir() else []
        wanted = contents(start) == new
        for cut in range(len(mending) + 1):
            where = f"{scenario}, killed at {killed}, power cut at {cut} of {len(mending)} of the recovery"
            outcomes = {checked.check(tree, where) for tree in disk.trees(chance, few=True)}
            cuts += 1
            if cut < len(mending):
                disk.apply(mending[cut])
        assert outcomes == {wanted}, f"{where}: recovered, and lost again"
    tell(f"{scenario}: recovery cut at {cuts} points, {len(checked.outcomes)} different disks recovered")
    assert cuts >= 300
