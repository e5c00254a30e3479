"""Digests are of bytes: a checkout that changes how lines end is prevented, else named as what it is."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from harness import assert_tidy, faults, own_registry, put

from tinyai_registry.checks.files import LINE_ENDS
from tinyai_registry.files import is_release_file
from tinyai_registry.store import layout, log
from tinyai_registry.store.publish import init

# Of the files that a release may have.
ENDINGS = (".data", ".json", ".md", ".onnx", ".svg")

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(folder: Path, *words: str) -> None:
    who = {f"GIT_{role}_{what}": "ada@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    settled = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run(["git", *words], cwd=folder, env={**os.environ, **who, **settled}, check=True, capture_output=True)


@pytest.fixture
def root(tmp_path) -> Path:
    """``a`` and ``c`` of ours, ``a`` twice published, in a repository."""
    folder = tmp_path / "project" / "registry"
    own_registry(folder)
    put(folder, "a", "2")
    git(folder.parent, "init", "-q")
    return folder


def clone(root: Path) -> Path:
    """A clone as git makes it on many a Windows."""
    top, there = root.parent, root.parent.with_name("clone")
    git(top, "add", "-A")
    git(top, "commit", "-qm", "all of it")
    git(top.parent, "clone", "-q", "-c", "core.autocrlf=true", str(top), str(there))
    return there / root.name


def test_a_clone_that_ends_lines_its_own_way_is_valid_and_can_be_published_into(root):
    there = clone(root)
    assert faults(there) == []
    put(there, "a", "3")
    assert faults(there) == []
    assert_tidy(there, "cloned")


def test_every_file_of_a_release_keeps_its_bytes_in_such_a_clone(root):
    assert all(is_release_file(f"a{ending}") for ending in ENDINGS)
    for number, ending in enumerate(ENDINGS):
        (root / f"a{ending}").write_bytes(b"a line\n" * (number + 1))
    there = clone(root)
    for ending in ENDINGS:
        assert (there / f"a{ending}").read_bytes() == (root / f"a{ending}").read_bytes(), ending


def test_a_fresh_registry_and_one_of_another_tool_have_the_rules(tmp_path):
    init(tmp_path / "fresh")
    assert (tmp_path / "fresh" / ".gitattributes").read_text() == layout.ATTRIBUTES
    own_registry(tmp_path / "old")
    for file in layout.git_files(tmp_path / "old"):
        file.unlink()
    put(tmp_path / "old", "a", "2")
    assert {file: file.read_text() for file in layout.git_files(tmp_path / "old")} == layout.git_files(tmp_path / "old")


def test_rules_that_somebody_has_made_stay_and_the_log_is_spared_all_the_same(root):
    rules = "*.onnx filter=lfs diff=lfs merge=lfs -text\n"
    (root / ".gitattributes").write_text(rules)
    put(root, "a", "3")
    assert (root / ".gitattributes").read_text() == rules
    found = faults(clone(root))
    assert {each.rule.code for each in found} == {"TAI613"}  # sidecars and cards
    assert all(each.message.endswith(LINE_ENDS) for each in found)


def test_where_there_are_no_rules_the_cause_is_named_in_every_finding(root):
    for file in (root / ".gitattributes", root / layout.FOLDER / ".gitattributes"):
        file.unlink()
    found = faults(clone(root))
    logged = [each for each in found if each.rule.code == "TAI611"]
    assert {each.file for each in logged} == {
        f".tinyai/log/{name}.json" for name in ("a/00000001", "a/00000002", "c/00000001")
    }
    assert found == logged
    assert {each.message for each in found} == {LINE_ENDS}


def test_an_entry_that_is_written_after_such_a_one_fits_what_was_written_first(root):
    for file in (root / ".gitattributes", root / layout.FOLDER / ".gitattributes"):
        file.unlink()
    there = clone(root)
    put(there, "a", "3")
    written, last = log.entries(root, "a")[-1], log.entries(there, "a")[-1]
    assert (last.number, last.parent) == (3, log.digest_of(log.render(written)))
    for path in there.rglob("*.json"):
        path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n"))
    put(there, "c", "3")
    assert faults(there) == []


def test_a_digest_of_a_graph_that_git_took_for_text_names_the_cause(root):
    path = root / "a.onnx"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"\n", b"\r\n"))
    assert path.read_bytes() != whole
    digests = [each for each in faults(root) if each.rule.code in {"TAI203", "TAI613"}]
    assert {each.rule.code for each in digests} == {"TAI203", "TAI613"}
    assert all(LINE_ENDS in each.message for each in digests)


def test_a_file_that_is_another_altogether_is_not_said_to_have_other_line_ends(root):
    (root / "a.md").write_bytes(b"# a\r\n")
    [found] = [each for each in faults(root) if each.rule.code == "TAI613"]
    assert LINE_ENDS not in found.message
