"""Readers never write: not in a registry that is whole, not where a writer died, and not through a link."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import nullcontext, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from harness import (
    WRITING,
    contents,
    fast_folder,
    faults,
    foreign_registry,
    forked,
    killed_at,
    killed_everywhere,
    landscape,
    put,
    waited,
)

from tinyai_registry.checks.history import LINK
from tinyai_registry.cli.app import main
from tinyai_registry.errors import RegistryBusyError, RegistryError
from tinyai_registry.store import layout
from tinyai_registry.store.snapshot import read_documents
from tinyai_registry.workflows import validate as validation
from tinyai_registry.workflows.validate import validate

CHANGES = {"os.chmod", "os.chown", "os.link", "os.mkdir", "os.mkfifo", "os.mknod", "os.remove", "os.rename", "os.rmdir"}
CHANGES |= {"os.removexattr", "os.setxattr", "os.symlink", "os.truncate", "os.utime", "shutil.rmtree", "shutil.move"}
PENDING = "a publish of b is under way, or its writer died; `tinyai recover` finishes it"
COMMANDS = {
    "validate": ["validate", "{root}"],
    "list": ["list", "--registry", "{root}"],
    "show": ["show", "c", "--registry", "{root}"],
    "log": ["log", "--registry", "{root}"],
    "migrate --dry-run": ["migrate", "--dry-run", "--registry", "{root}"],
}


@pytest.fixture
def root():
    """Three models, each published twice in place of a release of another tool."""
    with fast_folder() as name:
        folder = Path(name) / "registry"
        foreign_registry(folder)
        for model in ("a", "b", "c"):
            put(folder, model, "1")
            put(folder, model, "2")
        yield folder


@pytest.fixture
def outside(root) -> Path:
    """Somebody's folder elsewhere, with files under names that the store gives, and others."""
    folder = root.parent / "outside"
    shutil.copytree(root / layout.FOLDER, folder)
    (folder / f"b.{'0' * 32}").mkdir()
    (folder / f"b.{'0' * 32}" / "work").write_text("of years")
    (folder / ("0" * 64)).write_text("a digest, by chance")
    (folder / "thesis.tex").write_text("nearly done")
    return folder


def run(words: list[str], root: Path) -> int:
    """The exit code of a command in a child that may change nothing on any disk: an audit hook tells."""

    def action() -> None:
        changes: list[str] = []

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING
            pipe = isinstance(arguments[0], int) if arguments else False  # to the child that inspects graphs
            if (writes and not pipe and arguments[0] != os.devnull) or event in CHANGES:
                changes.append(f"{event} {arguments}")

        sys.dont_write_bytecode = True
        sys.addaudithook(hook)
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            code = main([word.format(root=root) for word in words], standalone_mode=False)
        assert not changes, changes
        (root.parent / "code").write_text(str(code))

    before = landscape(root.parent)
    assert waited(forked(action)) == 0, words
    code = int((root.parent / "code").read_text())
    (root.parent / "code").unlink()
    assert landscape(root.parent) == before, words
    return code


@pytest.mark.parametrize("command", COMMANDS)
def test_in_a_registry_that_is_whole_nothing_is_changed(root, command):
    assert run(COMMANDS[command], root) == 0


def test_wherever_a_writer_died_nothing_is_changed_and_nothing_is_found_that_is_not_so(root, tell, monkeypatch):
    """At each point a reader finds one release or the other, or says that it cannot judge: never a false error."""
    monkeypatch.setattr(validation, "LOOKS", 1)
    start = root.with_name("start")
    root.rename(start)
    told = {"judged": 0, "busy": 0}
    roots = killed_everywhere(start, lambda root: put(root, "b", "3"))
    for nth, each in enumerate(roots):
        before, said = landscape(each), None
        try:
            found = faults(each)
        except RegistryBusyError as error:
            found, said = [], str(error)
        assert not found, f"point {nth}"
        assert said is None or PENDING in said, f"point {nth}"
        assert landscape(each) == before, f"point {nth}"
        told["busy" if said else "judged"] += 1
    tell(f"a validation at each of {len(roots)} points of a dead publish: {told}")
    assert len(roots) >= 80
    assert min(told.values()) >= 10


@pytest.fixture
def torn(root) -> Path:
    """Where a writer of ``b`` died between two renames."""
    whole = contents(root)
    roots = killed_everywhere(root, lambda root: put(root, "b", "3"))
    shutil.rmtree(root)
    return next(each for each in roots if contents(each) != whole).rename(root)


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_pending_is_said_and_left_pending(torn, tinyai, command):
    code = 5 if command in {"validate", "migrate --dry-run"} else 0  # these judge files, which they cannot now
    assert run(COMMANDS[command], torn) == code
    said = tinyai(*(word.format(root=torn) for word in COMMANDS[command]))
    assert said.code == code
    assert PENDING in said.err
    assert layout.workplaces(torn)


def test_a_model_that_is_half_published_is_not_shown_but_said_to_be(torn, tinyai, monkeypatch):
    monkeypatch.setattr(read_documents, "__defaults__", (0.1,))
    (torn / "b.md").unlink()
    said = tinyai("show", "b", "--registry", torn)
    assert said.code == 5
    assert "`tinyai recover` finishes it" in said.err


# --- links ----------------------------------------------------------------------------------------------------------

LINKS: dict[str, str] = {
    "the store": ".tinyai",
    "the log": ".tinyai/log",
    "a log": ".tinyai/log/b",
    "the objects": ".tinyai/objects",
    "a model's objects": ".tinyai/objects/b",
    "what is pending": ".tinyai/pending",
    "a workplace": f".tinyai/pending/b.{'0' * 32}",
    "the lock": ".tinyai/lock",
    "an entry": ".tinyai/log/b/00000002.json",
    "the tip": ".tinyai/log/b/tip.json",
}


IN_LOG = ("the store", "the log", "a log", "an entry")
IN_LOG_OR_PENDING = ("the store", "the log", "what is pending", "a workplace")  # not the log of another model


def link(root: Path, outside: Path, name: str) -> None:
    """Put a link to where the like of it lies outside in place of ``name``."""
    target = outside.joinpath(*Path(name).parts[1:])
    if name == ".tinyai/pending":
        target = outside
    if name.startswith(".tinyai/pending/"):
        target = outside / Path(name).name
    if (root / name).is_dir():
        shutil.rmtree(root / name)
    (root / name).unlink(missing_ok=True)
    (root / name).symlink_to(target)


@pytest.mark.parametrize("what", LINKS)
@pytest.mark.parametrize("command", COMMANDS)
def test_no_reader_follows_a_link_in_the_store(root, outside, what, command):
    link(root, outside, LINKS[what])
    refused = {"show": IN_LOG_OR_PENDING, "log": IN_LOG}.get(command, ())
    assert run(COMMANDS[command], root) == (1 if command == "validate" else 2 if what in refused else 0)


@pytest.mark.parametrize("what", LINKS)
def test_a_link_in_the_store_is_found_and_named(root, outside, what):
    link(root, outside, LINKS[what])
    [found] = [found for found in validate(root) if found.rule is LINK]
    assert (found.file, found.message) == (LINKS[what], f"{LINKS[what]} is a link")


WRITERS: dict[str, Callable[[Path], list[object]]] = {
    "recover": lambda root: ["recover", root],
    "rollback": lambda root: ["rollback", "b", "--registry", root],
    "prune": lambda root: ["prune", "--registry", root],
}


IS_LINK = "is a link, and the store has none"
NEEDS_IT_NOT = {
    ("recover", "the objects"),  # all files are in place
    ("recover", "a model's objects"),
    ("recover", "the lock"),
    ("prune", "the tip"),
    ("publish", "an entry"),  # which is not the last: it stops a publish as little as one that was changed
}


@pytest.mark.parametrize("what", LINKS)
@pytest.mark.parametrize("command", [*WRITERS, "publish"])
def test_no_writer_follows_a_link_in_the_store(root, outside, what, command, tinyai):
    link(root, outside, LINKS[what])
    before = landscape(outside)
    needed = (command, what) not in NEEDS_IT_NOT
    if command == "publish":
        with pytest.raises(RegistryError, match=IS_LINK) if needed else nullcontext():
            put(root, "b", "3")
    else:
        said = tinyai(*WRITERS[command](root))
        assert (said.code in {2, 5}) == needed, said
        assert (IS_LINK in said.err) == needed, said
    assert landscape(outside) == before


def test_the_registry_itself_may_be_reached_through_a_link(root, tinyai):
    alias = root.with_name("alias")
    alias.symlink_to(root)
    put(alias, "b", "3")
    assert tinyai("recover", alias).code == 0
    assert tinyai("show", "b", "--registry", alias).code == 0


@pytest.mark.parametrize("inside", [True, False])
def test_nothing_is_written_behind_a_link_beside_the_store(root, outside, inside):
    """Names of files lead into folders too, and a link inside the registry may lead to ``.git``."""
    hidden = root / ".git"
    hidden.mkdir()
    (root / "sub").symlink_to(".git" if inside else outside)
    before = landscape(root), landscape(outside)
    with pytest.raises(RegistryError, match="sub is a link" if inside else "is no file inside the registry folder"):
        put(root, "b", "3", also={"sub/config.json": b"[core]\n\tfsmonitor = touch owned\n"})
    assert not list(hidden.iterdir())
    assert landscape(outside) == before[1]


# --- what is not the store's ----------------------------------------------------------------------------------------

STRANGE = [
    ".tinyai/pending/.DS_Store/x",
    ".tinyai/pending/.x/y",
    ".tinyai/pending/b/x",
    f".tinyai/pending/b.{'0' * 31}/x",
    ".tinyai/pending/README",
    ".tinyai/objects/README",
    ".tinyai/objects/b/README",
    f".tinyai/objects/b/{'0' * 64}/x",
    ".tinyai/objects/x y/z",
    ".tinyai/log/b/notes.txt",
    ".tinyai/log/.hidden/00000001.json",
    ".tinyai/notes/x",
]


def test_nothing_is_removed_that_the_store_did_not_make(root, tinyai):
    for name in STRANGE:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("mine")
    put(root, "b", "3")
    put(root, "b", "4")
    killed_at(60, lambda: put(root, "b", "5"))
    assert tinyai("recover", root).code == 0
    assert tinyai("prune", "--registry", root).code == 0
    assert tinyai("rollback", "b", "--registry", root).code == 0
    assert [name for name in STRANGE if not (root / name).is_file()] == []


def test_a_folder_under_the_name_of_a_withdrawn_file_stays(root):
    """``b.onnx.data`` was withdrawn by the first release; whoever makes a folder of that name means it."""
    (root / "b.onnx.data").mkdir()
    (root / "b.onnx.data" / "mine").write_text("mine")
    (root / "b.md").unlink()
    put(root, "b", "3")
    assert (root / "b.onnx.data" / "mine").read_text() == "mine"
