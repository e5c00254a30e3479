"""History: what was written stays as it was written, and branches merge."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from harness import ACCOUNT, change, contents, faults, graph, killed_at, own_registry, put

from tinyai_registry.checks import history
from tinyai_registry.documents import strict_json
from tinyai_registry.documents.index import INDEX
from tinyai_registry.store import layout, log
from tinyai_registry.store.publish import refuse
from tinyai_registry.store.registry import open_registry
from tinyai_registry.store.rollback import rollback


@pytest.fixture
def root(tmp_path) -> Path:
    """``a`` and ``c`` at version 1, then ``a`` refreshed twice, with a refusal between."""
    folder = tmp_path / "registry"
    own_registry(folder)
    put(folder, "a", "2")
    refuse(folder, "a", ACCOUNT)
    put(folder, "a", "3")
    return folder


def entry_file(root: Path, number: int, model: str = "a") -> Path:
    return layout.log_folder(root, model) / f"{number:08}.json"


def found(root: Path) -> dict[str, list[str]]:
    """What validate says of each file of the log of ``a``."""
    said: dict[str, list[str]] = {}
    for finding in faults(root):
        assert finding.model == "a"
        said.setdefault(finding.file.removeprefix(".tinyai/log/a/"), []).append(finding.message)
    return said


def test_an_unbroken_history_is_not_complained_of(root):
    assert faults(root) == []
    assert [(e.number, e.action) for e in log.entries(root, "a")] == [
        *[(1, "publish"), (2, "publish"), (3, "refuse"), (4, "publish")],
    ]


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_changed_entry_is_found_and_named(root, number):
    path = entry_file(root, number)
    path.write_text(path.read_text().replace("The ears were fixed.", "The eyes were fixed."))
    assert any("changed after it was written" in said for said in found(root)[path.name])


def test_a_changed_entry_whose_own_digest_was_made_right_is_found_by_the_next(root):
    changed = replace(log.entries(root, "a")[1], withdrawn=("x.md",))
    entry_file(root, 2).write_bytes(log.render(changed))
    assert found(root) == {
        "00000003.json": ["the entry before it is not the one that it was written after"],
    }


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_removed_entry_is_found_and_named(root, number):
    entry_file(root, number).unlink()
    assert found(root) == {f"{number + 1:08}.json": [f"entry {number} is missing before it"]}


@pytest.mark.parametrize(
    ("first", "said"),
    [(5, "entry 5 was removed"), (4, "entries 4 to 5 were removed"), (1, "entries 1 to 5 were removed")],
)
def test_removed_last_entries_are_found_and_named_and_their_numbers_not_given_again(root, first, said):
    refuse(root, "a", ACCOUNT)
    for number in range(first, 6):
        entry_file(root, number).unlink()
    assert found(root) == {layout.TIP: [said]}
    put(root, "a", "4")
    assert found(root) == {"00000006.json": [f"entry {first} is missing before it"]}


def test_a_changed_last_entry_whose_own_digest_was_made_right_is_found_by_the_tip(root):
    changed = replace(log.entries(root, "a")[-1], withdrawn=("x.md",))
    entry_file(root, 4).write_bytes(log.render(changed))
    assert found(root) == {"00000004.json": ["it is not the entry that tip.json names"]}


@pytest.mark.parametrize("content", ["", "<<<<<<< ours", "[]", "{}", '{"number": "4", "digest": ""}', None])
def test_a_log_without_a_tip_is_valid_and_one_that_says_nothing_is_named_and_made_again(root, content):
    path = entry_file(root, 4).with_name(layout.TIP)
    was = path.read_bytes()
    path.write_text(content) if content is not None else path.unlink()
    assert found(root) == ({} if content is None else {layout.TIP: ["it does not say which entry is the last"]})
    refuse(root, "a", ACCOUNT)
    assert faults(root) == []
    entry_file(root, 5).unlink()
    assert found(root) == {layout.TIP: ["entry 5 was removed"]}
    path.write_bytes(was)  # a tip that lags behind is that of a writer who died
    assert faults(root) == []


def test_reordered_entries_are_found_and_named(root):
    first, second, aside = entry_file(root, 1), entry_file(root, 2), root / "aside"
    first.rename(aside)
    second.rename(first)
    aside.rename(second)
    said = found(root)
    assert "it says that it is entry 2" in said["00000001.json"]
    assert "it says that it is entry 1" in said["00000002.json"]


def test_an_entry_of_another_model_is_found(root):
    shutil.copy(entry_file(root, 1, "c"), entry_file(root, 5))
    assert "it is an entry of c" in found(root)["00000005.json"]


def test_an_entry_from_before_rows_could_go_is_read_and_its_digest_holds(root):
    path = entry_file(root, 4)
    document = strict_json.read(path)
    assert document.pop("withdrawn_rows") == {}
    del document["digest"]
    path.write_text(strict_json.dumps({**document, "digest": log._digest(document)}, sort_keys=False))
    assert log.read(root, "a", 4).withdrawn_rows == {}
    path.with_name(layout.TIP).unlink()  # there was none either
    assert faults(root) == []
    put(root, "a", "5")
    assert faults(root) == []


@pytest.mark.parametrize(("text", "said"), [("[]", "is no JSON object"), ("{}", "lacks number, model, action")])
def test_what_is_no_entry_is_found_and_named(root, text, said):
    entry_file(root, 5).write_text(text)
    assert said in found(root)["00000005.json"][0]


@pytest.mark.parametrize(
    ("change", "at"),
    [
        ({"model": 7}, "/model"),
        ({"action": None}, "/action"),
        ({"number": "5"}, "/number"),
        (
            {"account": {**asdict(ACCOUNT), "time": 1}},
            "/account/time",
        ),
    ],
)
def test_an_entry_whose_words_are_none_is_found_whatever_its_digest(root, change, at):
    document = {**json.loads(entry_file(root, 4).read_text()), **change}
    document.pop("digest")
    document["digest"] = log._digest(document)
    entry_file(root, 4).write_bytes(log.render_document(document))
    assert [found.pointer for found in faults(root) if found.rule is history.ENTRY_SCHEMA] == [at]


@pytest.mark.parametrize("number", [2, 4])
def test_an_entry_that_would_be_read_for_ever_is_found_and_named(root, number, tinyai):
    path = entry_file(root, number)
    path.unlink()
    path.symlink_to("/dev/zero")
    assert [(found.file, found.rule) for found in faults(root)] == [(f".tinyai/log/a/{path.name}", history.LINK)]
    ran = tinyai("log", "--registry", root)
    assert (ran.code, f"{path.name} is a link" in ran.err) == (2, True)


def test_a_refusal_adds_an_entry_and_changes_nothing_else(root):
    def contents():
        return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}

    before = contents()
    refuse(root, "a", ACCOUNT)
    after = contents()
    added = [entry_file(root, 5), entry_file(root, 5).with_name(layout.TIP)]
    assert {**before, **{path: after[path] for path in added}} == after
    assert faults(root) == []


def test_a_refusal_of_a_model_that_has_no_release_yet_is_recorded(root):
    refuse(root, "n", ACCOUNT)
    assert [entry.action for entry in log.entries(root, "n")] == ["refuse"]
    put(root, "n", "1")
    assert [entry.action for entry in log.entries(root, "n")] == ["refuse", "publish"]
    assert faults(root) == []


def test_the_log_as_json_is_oldest_first_and_says_all(root, tinyai):
    rollback(root, "a", ACCOUNT)
    entries = tinyai("log", "--registry", root, "--json").json["entries"]
    assert [entry["account"]["time"] for entry in entries] == sorted(e["account"]["time"] for e in entries)
    of_a = tinyai("log", "a", "--registry", root, "--json").json["entries"]
    assert [entry["number"] for entry in of_a] == [1, 2, 3, 4, 5]
    assert {entry["model"] for entry in entries} == {"a", "c"}
    last = of_a[-1]
    assert (last["action"], last["restores"]) == ("rollback", 2)
    assert last["account"]["who"] == ACCOUNT.who
    assert last["account"]["reason"] == ACCOUNT.reason
    assert last["files"]["a.onnx"] == last["rows"][0]["sha256"]
    lines = tinyai("log", "a", "--registry", root).out.splitlines()
    whats = [line.split()[3] for line in lines if not line.startswith(" ")]
    assert whats == ["publish", "publish", "refuse", "publish", "rollback"]
    assert {line for line in lines if line.startswith(" ")} == {f"    {ACCOUNT.who}: {ACCOUNT.reason}"}


def test_the_log_says_by_which_criterion_and_value(root, tinyai):
    whole = {"criterion": "every group held out once (3 folds)", "value": 3.0, "passed": True}
    met = {"criterion": "mean PLCC over folds >= 0.9", "value": 0.95, "passed": True}
    missed = {"criterion": "max RMSE over folds <= 2", "value": 2.5, "passed": False}
    unknown = {
        "criterion": "min SROCC over folds >= 0.5",
        "value": None,
        "passed": False,
        "reason": "SROCC is undefined",
    }
    refuse(root, "n", replace(ACCOUNT, gate=(whole, met, missed, unknown)))
    _, *lines, _ = tinyai("log", "n", "--registry", root).out.splitlines()
    assert lines == [
        "    refused: max RMSE over folds <= 2: 2.5000",
        "    refused: min SROCC over folds >= 0.5: SROCC is undefined",
    ]


def git(root: Path, *words: str) -> str:
    who = {f"GIT_{role}_{what}": "ada@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    settled = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    done = subprocess.run(
        ["git", *words], cwd=root, env={**os.environ, **who, **settled}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def branches(root: Path, ours: str, theirs: str) -> None:
    """Two branches of what is there, ``ours`` and ``theirs``, which is checked out; each has published one model."""
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "start")
    for branch, model in (("ours", ours), ("theirs", theirs)):
        git(root, "checkout", "-q", "-b", branch, "main")
        put(root, model, branch)
        git(root, "add", "-A")
        git(root, "commit", "-qm", f"publish {model}")


def test_git_has_the_log_and_not_the_store(tinyai, tmp_path):
    root = tmp_path / "fresh"
    tinyai("init", root)
    put(root, "a", "1")
    killed_at(30, lambda: put(root, "b", "1"))
    assert {path.name for path in (root / layout.FOLDER).iterdir()} >= {"objects", "pending", "lock"}
    assert layout.workplaces(root)
    git(root, "init", "-q")
    git(root, "add", "-A")
    log_of_a = [f".tinyai/log/a/{name}" for name in ("00000001.json", layout.TIP)]
    told = [".gitattributes", ".tinyai/.gitattributes", ".tinyai/.gitignore"]
    expected = [*told, *log_of_a, "a.json", "a.md", "a.onnx", "a.plain.onnx", INDEX]
    assert git(root, "ls-files").split() == expected


def test_branches_that_refreshed_two_neighbours_merge_and_validate(root):
    branches(root, "a", "c")
    git(root, "merge", "-q", "ours", "-m", "both")
    assert git(root, "status", "--porcelain") == ""
    assert faults(root) == []
    now = contents(root)
    assert now["a.onnx"] == graph("a ours")
    assert now["c.onnx"] == graph("c theirs")
    clone = root.with_name("clone")
    git(root.parent, "clone", "-q", str(root), str(clone))
    assert faults(clone) == []  # without objects: git has none
    put(clone, "a", "in the clone")
    assert faults(clone) == []


def test_branches_that_refreshed_the_same_model_do_not_merge_silently(root):
    branches(root, "a", "a")
    with pytest.raises(AssertionError, match=r"log/a/00000005\.json"):
        git(root, "merge", "-q", "ours")


def test_branches_that_published_new_models_far_apart_merge_and_validate(root):
    branches(root, "b", "d")
    git(root, "merge", "-q", "ours", "-m", "both")
    assert faults(root) == []
    assert [row["id"] for row in open_registry(root).rows] == ["a", "b", "c", "d"]


@pytest.mark.parametrize("side", ["--ours", "--theirs"])
@pytest.mark.parametrize("objects", [True, False])
def test_rows_that_two_branches_put_into_one_place_are_made_from_the_log(root, tinyai, side, objects):
    branches(root, "m", "n")
    with pytest.raises(AssertionError, match=r"Merge conflict in registry\.json"):
        git(root, "merge", "-q", "ours")
    git(root, "checkout", side, INDEX)
    if not objects:  # as in a clone
        shutil.rmtree(layout.object_folder(root, "x").parent)
    assert faults(root)
    missing = "m" if side == "--ours" else "n"
    assert tinyai("recover", root, "--json").json["recovered"] == [missing]
    assert faults(root) == []
    assert [row["id"] for row in open_registry(root).rows] == ["a", "c", "m", "n"]
    git(root, "add", "-A")
    git(root, "commit", "-qm", "both")
    assert git(root, "diff", "--stat", "ours", "--", "m.onnx", "a.onnx") == ""


def test_what_a_refresh_hands_over_is_a_pure_function(root):
    assert change(root, "a", "9") == change(root, "a", "9")
    json.dumps(log.entries(root, "a")[0].rows)
