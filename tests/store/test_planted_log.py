"""A log that somebody planted: entries with digests that fit, and objects beside them; what a writer makes of it."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from dataclasses import asdict, replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from harness import contents, faults, landscape, own_registry, put

from tinyai_registry.checks.history import ENTRY_SCHEMA
from tinyai_registry.documents import strict_json
from tinyai_registry.errors import DocumentError
from tinyai_registry.files import sha256_of
from tinyai_registry.release import NoGit
from tinyai_registry.release.provenance import read_git
from tinyai_registry.store import layout, log

CONFIG = b"[core]\n\trepositoryformatversion = 0\n\tfsmonitor = touch owned\n"


@pytest.fixture
def root(tmp_path) -> Path:
    """A registry at the top of a repository, with ``a`` twice published."""
    folder = tmp_path / "registry"
    own_registry(folder)
    put(folder, "a", "2")
    if shutil.which("git"):
        subprocess.run(["git", "init", "-q", str(folder)], check=True)
    return folder


def plant(root: Path, data: bytes = CONFIG, **said: Any) -> None:
    """A further entry of ``a`` that says so, right in every digest, with ``data`` in the store; and work pending."""
    last = log.entries(root, "a")[-1]
    planted = replace(last, number=last.number + 1, parent=log.last(root, "a").digest, **said)
    layout.entry_file(root, "a", planted.number).write_bytes(log.render(planted))
    tip = log.Tip(planted.number, sha256_of(log.render(planted)))
    layout.tip_file(root, "a").write_text(strict_json.dumps(asdict(tip)))
    layout.object_file(root, "a", sha256_of(data)).write_bytes(data)
    layout.new_workplace(root, "a").mkdir(parents=True)


FILES = {
    "the configuration of git": ".git/config",
    "a hook": ".git/hooks/post-checkout",
    "attributes": ".gitattributes",
    "a workflow": PurePosixPath(".github", "workflows", "ci.yml").as_posix(),
    "below a folder": "a/.git/config",
    "another log": ".tinyai/log/c/00000002.json",
    "short name": "git~1/config",
    "index by case folding": "regi\u017ftry.json",
    "letter that another form of Unicode writes in two": "mode\u0300le.onnx",
    "above": "../x",
    "absolute": "/tmp/x",
    "backslash": "..\\x",
    "ignored character": "\u200c.git/config",
    "the index": "registry.json",
    "the index in other letters": "Registry.JSON",
    "ends in a dot": "registry.json.",
    "ends in a blank": "registry.json ",
}
COMMANDS = {
    "recover": lambda root: ["recover", root],
    "rollback": lambda root: ["rollback", "a", "--registry", root],
    "prune": lambda root: ["prune", "--registry", root],
}


@pytest.mark.parametrize("how", ["written", "withdrawn"])
@pytest.mark.parametrize("what", FILES)
@pytest.mark.parametrize("command", COMMANDS)
def test_no_writer_does_what_a_planted_entry_says(root, tinyai, command, what, how):
    name = FILES[what]
    plant(root, **({"files": {name: sha256_of(CONFIG)}} if how == "written" else {"withdrawn": (name,)}))
    before, git = contents(root), landscape(root / ".git")
    said = tinyai(*COMMANDS[command](root))
    assert said.code in {2, 5}
    assert "is not the name of a file that a release may have" in said.err
    assert contents(root) == before
    assert landscape(root / ".git") == git
    assert not (root / "owned").exists()
    assert {found.rule for found in faults(root)} == {ENTRY_SCHEMA}


@pytest.mark.parametrize(
    "digest", ["/dev/zero", "../../../../../../etc/passwd", "0" * 63, "A" * 64, "", "0" * 64 + "\n"]
)
def test_a_digest_that_is_none_is_read_from_nowhere(root, tinyai, digest):
    plant(root, files={"a.onnx": digest})
    for command in COMMANDS.values():
        said = tinyai(*command(root))
        assert said.code in {2, 5}
        assert "a SHA-256 in lower-case hex" in said.err


@pytest.mark.parametrize("model", ["../c", "c", "a/b", ".a", ""])
def test_an_entry_of_another_model_is_not_followed(root, tinyai, model):
    plant(root, model=model, files={"c.onnx": sha256_of(CONFIG)})
    before = contents(root)
    assert tinyai("recover", root).code == 5
    assert contents(root) == before


@pytest.mark.parametrize("row", [{"id": "../x"}, {"id": 5}, {"id": ""}, {"id": "a\n"}, {}])
def test_a_row_without_an_id_that_is_one_is_not_put_into_the_registry(root, tinyai, row):
    plant(root, rows=(row,))
    before = contents(root)
    assert tinyai("recover", root).code == 5
    assert contents(root) == before


# An entry of names that no release may have is none; of those that it may have, what is no file is left alone.
@pytest.mark.parametrize(("folder", "pipe", "code"), [("src", "pipe", 5), ("src.bin", "pipe.json", 0)])
def test_the_folders_of_a_project_are_not_withdrawn(root, tinyai, folder, pipe, code):
    (root / folder).mkdir()
    (root / folder / "train.py").write_text("years of work")
    os.mkfifo(root / pipe)
    last = log.entries(root, "a")[-1]
    plant(root, files=last.files, withdrawn=(folder, pipe))
    assert tinyai("recover", root).code == code
    assert (root / folder / "train.py").read_text() == "years of work"
    assert stat.S_ISFIFO((root / pipe).stat().st_mode)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_git_runs_nothing_that_was_planted_all_the_same(root):
    """Should it lie there by another way: see also what is recorded of git."""
    (root / ".git" / "config").write_bytes(CONFIG)
    assert read_git(root) == NoGit("no commit")
    assert not (root / "owned").exists()


def test_a_publish_of_the_model_says_what_is_wrong_with_its_log(root):
    plant(root, files={".git/config": sha256_of(CONFIG)})
    with pytest.raises(DocumentError, match="no entry of a log, at /files"):
        put(root, "a", "3")
    put(root, "c", "2")
    assert log.head(root, "c").number == 2


def test_what_is_published_is_an_entry_that_every_reader_takes(root):
    for entry in [entry for model in layout.logged_models(root) for entry in log.entries(root, model)]:
        assert log.parse(strict_json.loads(log.render(entry), "it"), "it") == entry
