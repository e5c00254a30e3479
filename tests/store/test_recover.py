"""Recovery where there is damage, or where no process died: what can be brought up to the log is, the rest is named."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest
from harness import (
    Op,
    assert_sound,
    assert_tidy,
    contents,
    digest,
    faults,
    foreign_registry,
    forked,
    killed_at,
    killed_everywhere,
    put,
    waited,
    watched,
)

from tinyai_registry.documents import strict_json
from tinyai_registry.documents.index import INDEX
from tinyai_registry.errors import RegistryBusyError
from tinyai_registry.store import layout, log
from tinyai_registry.store.recovery import recover
from tinyai_registry.workflows.validate import validate

# What is found in every registry of these tests: earlier dialects, imported models, weights outside.
BORN_WITH = "TAI0,TAI301,TAI515,TAI803"


@pytest.fixture
def root(tmp_path) -> Path:
    """``b`` in its second release, between two models of another tool."""
    folder = tmp_path / "registry"
    foreign_registry(folder)
    put(folder, "b", "1")
    put(folder, "b", "2")
    return folder


@pytest.fixture
def lost(root) -> Path:
    """Where ``b`` was published, its writer died right after the commit, and somebody deleted the store's objects."""

    def dies(op: Op, perform):
        done = perform()
        if op.kind == "link":
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    with watched(dies):
        waited(forked(lambda: put(root, "b", "3")))
    assert log.head(root, "b").number == 4
    assert layout.workplaces(root)
    shutil.move(layout.object_folder(root, "b"), root.with_name("backup"))
    return root


def edited(path: Path, old: str, new: str) -> None:
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_objects_that_are_gone_stop_no_command_and_are_named(lost, tinyai):
    before = contents(lost)
    said = tinyai("list", "--registry", lost)
    assert said.code == 0
    assert len(said.out.splitlines()) == 4
    assert tinyai("show", "c", "--registry", lost).code == 0
    put(lost, "c", "1")
    found = tinyai("validate", lost, "--json", "--ignore", BORN_WITH)
    assert found.code == 1
    assert {finding["model"] for finding in found.json["findings"]} == {"b"}
    assert "b.onnx is not what the log says was published" in found.out
    after = contents(lost)
    assert [name for name in before if name[0] == "b" and before[name] != after.get(name)] == []


def test_recover_says_what_it_could_not_restore_and_how_to_go_on(lost, tinyai):
    said = tinyai("recover", lost)
    assert said.code == 5
    [line] = [line for line in said.err.splitlines() if line.startswith("tinyai: ")]
    assert "b cannot be brought up to its log: " in line
    assert "is not in the store" in line
    assert "tinyai refresh" in line
    again = tinyai("recover", lost, "--json")
    assert again.code == 5
    assert again.json["recovered"] == []
    assert list(again.json["stuck"]) == ["b"]


def test_a_publish_mends_what_could_not_be_restored(lost, tinyai):
    tinyai("recover", lost)
    put(lost, "b", "4")
    assert faults(lost) == []
    assert_tidy(lost, "published again")
    assert tinyai("recover", lost).code == 0
    put(lost, "b", "5")
    assert [entry.action for entry in log.entries(lost, "b")] == ["adopt", *["publish"] * 5]


def test_a_publish_mends_it_without_a_recovery_before(lost):
    put(lost, "b", "4")
    assert faults(lost) == []
    assert_tidy(lost, "published again")


def test_objects_that_come_back_are_brought_into_place(lost, tinyai):
    tinyai("list", "--registry", lost)
    shutil.copytree(lost.with_name("backup"), layout.object_folder(lost, "b"))
    assert tinyai("recover", lost, "--json").json == {"recovered": ["b"], "stuck": {}}
    assert faults(lost) == []
    assert digest(lost / "b.onnx") == log.head(lost, "b").files["b.onnx"]


def _drop_row(root: Path) -> None:
    document = strict_json.read(root / INDEX)
    rows = [row for row in document["models"] if row["id"] != "b"]
    (root / INDEX).write_text(strict_json.dumps({**document, "models": rows}))


BEHIND = {
    "the row is gone": _drop_row,
    "the row is another": lambda root: edited(root / INDEX, "b, version 2", "b, version 1"),
    "a file is gone": lambda root: (root / "b.md").unlink(),
    "a file is that of an earlier release": lambda root: (root / "b.md").write_text("# b 1\n"),
}


@pytest.mark.parametrize("spoil", BEHIND.values(), ids=BEHIND)
def test_what_lags_behind_the_log_is_brought_up_also_where_nobody_died(root, tinyai, spoil):
    before = contents(root)
    spoil(root)
    assert tinyai("recover", root, "--json").json == {"recovered": ["b"], "stuck": {}}
    assert_sound(root, before, before, "recovered")
    assert tinyai("recover", root, "--json").json == {"recovered": [], "stuck": {}}


def test_a_recovery_without_a_dead_writer_can_be_killed_anywhere(root, tell):
    before, start = contents(root), root.with_name("start")
    _drop_row(root)
    (root / "b.md").unlink()
    root.rename(start)
    roots = killed_everywhere(start, recover)
    for nth, each in enumerate(roots):
        recover(each)
        assert_sound(each, before, before, f"point {nth}")
    tell(f"recovery of what lags after a merge: killed at {len(roots)} points")
    assert len(roots) >= 30


def test_what_somebody_changed_is_not_overwritten_but_named(root, tinyai):
    edited(root / "b.md", "# b 2", "# b, which hears better")
    (root / "c.json").unlink()
    before = contents(root)
    said = tinyai("recover", root)
    assert said.code == 5
    assert "b.md is of no release in its log" in said.err
    assert contents(root) == before


def test_a_log_whose_last_release_was_removed_is_not_followed(root, tinyai):
    before = contents(root)
    (layout.log_folder(root, "b") / "00000003.json").unlink()
    said = tinyai("recover", root)
    assert said.code == 5
    assert "entry 3 was removed" in said.err
    assert contents(root) == before


def test_an_entry_that_was_changed_stops_neither_a_publish_nor_any_other_command(root, tinyai):
    edited(layout.log_folder(root, "b") / "00000002.json", "ears", "eyes")
    put(root, "b", "3")
    assert not layout.workplaces(root)
    assert tinyai("list", "--registry", root).code == 0
    found = tinyai("validate", root, "--json", "--ignore", BORN_WITH)
    named = [finding["file"] for finding in found.json["findings"]]
    assert named == [".tinyai/log/b/00000002.json", ".tinyai/log/b/00000003.json"]  # itself, and the one after it
    assert tinyai("recover", root).code == 5


def test_the_last_entry_changed_while_its_publish_was_pending_stops_no_other_model(lost, tinyai):
    edited(layout.log_folder(lost, "b") / f"{log.find_tip(lost, 'b').number:08}.json", "ears", "eyes")
    assert tinyai("list", "--registry", lost).code == 0
    assert tinyai("show", "c", "--registry", lost).code == 0
    assert tinyai("validate", lost).code == 5
    said = tinyai("recover", lost)
    assert said.code == 5
    assert "changed after it was written" in said.err
    assert tinyai("validate", lost).code == 1


def test_where_the_index_cannot_be_read_nothing_is_forgotten(root, tinyai):
    killed_at(60, lambda: put(root, "b", "3"))
    index = (root / INDEX).read_text()
    (root / INDEX).write_text("<<<<<<< ours\n" + index)
    assert tinyai("list", "--registry", root).code == 2
    assert tinyai("recover", root).code == 2
    with pytest.raises(RegistryBusyError, match="a publish of b is under way, or its writer died"):
        validate(root)
    assert layout.workplaces(root)
    (root / INDEX).write_text(index)
    assert tinyai("recover", root).code == 0
    assert not layout.workplaces(root)
    assert faults(root) == []
