"""What is recorded of git: the commit, or which of several reasons there is none; and nothing there is run."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tinyai_registry.documents import card, schema
from tinyai_registry.release import Git, NoGit
from tinyai_registry.release.provenance import give_account, read_git

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture(autouse=True)
def _settled(monkeypatch):
    """Nobody's own settings."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)


def git(folder: Path, *words: str) -> str:
    who = {f"GIT_{role}_{what}": "ada@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(
        ["git", *words], cwd=folder, env={**os.environ, **who}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A repository with one commit, and a folder in it."""
    top = tmp_path / "project"
    (top / "registry").mkdir(parents=True)
    (top / "registry" / "registry.json").write_text("{}\n")
    git(top, "init", "-q")
    git(top, "add", "-A")
    git(top, "commit", "-qm", "start")
    return top


def test_the_commit_is_recorded_and_whether_files_differ_from_it(checkout):
    head = git(checkout, "rev-parse", "HEAD")
    assert read_git(checkout / "registry") == Git(head, dirty=False)
    assert give_account(checkout / "registry").commit == head
    (checkout / "new").touch()
    assert read_git(checkout / "registry") == Git(head, dirty=True)


def test_no_git_no_checkout_no_commit_and_dubious_ownership_are_told_apart(tmp_path, checkout, monkeypatch):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert read_git(tmp_path) == NoGit("no checkout")
    git(empty, "init", "-q")
    assert read_git(empty) == NoGit("no commit")
    (empty / ".git" / "config").write_text("[core\n")
    assert read_git(empty) == NoGit("failed")
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        assert read_git(checkout) == NoGit("not installed")
    assert give_account(tmp_path).commit is None


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a folder away")
def test_a_checkout_of_another_user_is_told_apart_too(checkout):
    os.chown(checkout, 12345, 12345)
    os.chown(checkout / ".git", 12345, 12345)
    assert read_git(checkout / "registry") == NoGit("dubious ownership")


def test_a_git_in_the_working_directory_is_not_run(tmp_path, checkout, monkeypatch):
    (tmp_path / "git").write_text("#!/bin/sh\ntouch ran\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    for path in (".", "", str(tmp_path)):
        monkeypatch.setenv("PATH", path)
        assert read_git(checkout) == NoGit("not installed")
    assert not (tmp_path / "ran").exists()


def plant(checkout: Path) -> Path:
    """Settings of a repository that make `git status` run a program, in every way it knows; returns its trace."""
    trace, program = checkout.parent / "trace", checkout.parent / "program"
    program.write_text(f"#!/bin/sh\necho ran >> {trace}\ncat\n")
    program.chmod(0o755)
    git(checkout, "config", "core.fsmonitor", str(program))
    git(checkout, "config", "filter.x.clean", str(program))
    git(checkout, "config", "filter.y.process", str(program))
    hooks = checkout / "hooks"
    hooks.mkdir()
    for hook in ("post-index-change", "fsmonitor-watchman", "reference-transaction"):
        shutil.copy(program, hooks / hook)
    git(checkout, "config", "core.hooksPath", str(hooks))
    (checkout / ".gitattributes").write_text("*.json filter=x\n*.md filter=y\n")
    (checkout / "registry" / "a.md").write_text("# a\n")
    index = checkout / "registry" / "registry.json"
    index.write_text("[]\n")  # as long as before, so that its content has to be compared
    os.utime(index, (1, 1))
    trace.unlink(missing_ok=True)
    return trace


def test_no_program_that_the_repository_names_is_run_and_no_file_of_it_written(checkout):
    trace = plant(checkout)
    before = {path: path.stat().st_mtime_ns for path in checkout.rglob("*")}
    read = read_git(checkout / "registry")
    assert isinstance(read, Git)
    assert read.dirty
    assert give_account(checkout / "registry").commit == read.commit
    assert not trace.exists()
    assert {path: path.stat().st_mtime_ns for path in checkout.rglob("*")} == before
    subprocess.run(["git", "status"], cwd=checkout, capture_output=True, check=False)
    assert trace.exists()  # and so the trap works


def test_what_looks_like_a_bare_repository_is_none(checkout, tmp_path):
    """Git takes a folder with HEAD, objects and refs for a repository; such files can come with a branch."""
    trace = plant(checkout)
    folder = tmp_path / "registry"
    shutil.copytree(checkout / ".git", folder)
    with (folder / "config").open("a") as config:
        config.write("[core]\n\tbare = false\n\tworktree = .\n")
    assert read_git(folder) == NoGit("no checkout")
    assert not trace.exists()


def test_variables_that_name_another_repository_do_not_count(checkout, tmp_path, monkeypatch):
    other = tmp_path / "other"
    shutil.copytree(checkout, other)
    git(other, "commit", "-q", "--allow-empty", "-m", "further")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    assert read_git(checkout).commit != subprocess.check_output(["git", "rev-parse", "HEAD"], text=True).strip()


@pytest.mark.parametrize("why", ["not installed", "no checkout", "dubious ownership", "no commit", "failed"])
def test_every_reason_has_its_words_on_the_card_and_its_place_in_the_schema(why):
    assert card._commit({"why": why}) != card._commit({"commit": "c" * 40, "dirty": False})
    known = schema.load("sidecar")["$defs"]["provenance"]["properties"]["git"]["properties"]["why"]["enum"]
    assert why in known
    assert len({card._commit({"why": each}) for each in known}) == len(known)
