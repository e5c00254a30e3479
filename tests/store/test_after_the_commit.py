"""What goes wrong after the commit: what is said is what is so, with exit code 5, until `tinyai recover` was run."""

from __future__ import annotations

import errno
import os
import resource
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import (
    ACCOUNT,
    Op,
    assert_sound,
    contents,
    digest,
    fast_folder,
    foreign_registry,
    forked,
    put,
    recorded,
    waited,
    watched,
)

from tinyai_registry.errors import PublishError, RegistryBusyError
from tinyai_registry.store import layout, log
from tinyai_registry.store.publish import refuse
from tinyai_registry.store.recovery import recover
from tinyai_registry.store.rollback import rollback

ACTIONS: dict[str, Callable[[Path], object]] = {
    "publish": lambda root: put(root, "b", "3"),
    "rollback": lambda root: rollback(root, "b", ACCOUNT),
    "refuse": lambda root: refuse(root, "b", ACCOUNT),
}


@pytest.fixture
def root():
    """``b``, published twice."""
    with fast_folder() as name:
        folder = Path(name) / "registry"
        foreign_registry(folder)
        put(folder, "b", "1")
        put(folder, "b", "2")
        yield folder


class Broken:
    """From the operation ``nth`` on, counted from 0, ``os.open`` fails for reading too; so do the others."""

    def __init__(self, nth: int, number: int) -> None:
        self.left, self.number, self.real = nth, number, os.open

    def __call__(self, op: Op, perform: Callable[[], object]) -> object:
        self.left -= 1
        if self.left < 0:
            raise OSError(self.number, os.strerror(self.number), str(op.path))
        return perform()

    def open(self, *words: object, **more: object) -> int:
        if self.left < 0:
            raise OSError(self.number, os.strerror(self.number))
        return self.real(*words, **more)


@pytest.mark.parametrize(
    "number", [errno.EMFILE, errno.EACCES, errno.ENFILE], ids=lambda number: errno.errorcode[number]
)
@pytest.mark.parametrize("action", ACTIONS)
def test_where_nothing_can_be_opened_any_more_the_answer_is_true(root, monkeypatch, tell, action, number):
    start, done = root.with_name("start"), root.with_name("done")
    shutil.copytree(root, start)
    shutil.copytree(root, done)
    ACTIONS[action](done)
    old, new = contents(start), contents(done)
    told = {"not done": 0, "done": 0, "cannot be told": 0}
    for nth in range(len(recorded(lambda: ACTIONS[action](root)))):
        shutil.rmtree(root)
        shutil.copytree(start, root)
        broken = Broken(nth, number)
        with watched(broken), monkeypatch.context() as patch:
            inner = os.open
            patch.setattr(os, "open", lambda *w, b=broken, i=inner, **m: b.open(*w, **m) if b.left < 0 else i(*w, **m))
            with pytest.raises((PublishError, RegistryBusyError)) as said:
                ACTIONS[action](root)
        committed = layout.entry_numbers(root, "b")[-1] == 4
        what = str(said.value)
        assert os.strerror(number) in what, f"{nth}: {what}"
        if isinstance(said.value, PublishError):
            assert "; the registry is unchanged" in what
            assert not committed, f"{nth}: {what}"
            told["not done"] += 1
        else:
            assert "`tinyai recover` finishes" in what
            assert committed, f"{nth}: {what}"
            told["cannot be told" if ", or not" in what else "done"] += 1
        recover(root)
        assert_sound(root, *((new, new) if committed else (old, old)), f"{nth}: {what}")
        assert log.read_tip(root, "b").number == layout.entry_numbers(root, "b")[-1]
    tell(f"{action}, {errno.errorcode[number]} of every open from each of {nth + 1} operations on: {told}")
    assert told["not done"] >= 8
    assert told["done"] >= 3
    assert told["cannot be told"] <= 2  # the link was made, and its folder could not be opened to be synced


def test_a_process_that_really_runs_out_of_descriptors_says_so(root):
    def exhausted(op: Op, perform: Callable[[], object]) -> object:
        done = perform()
        if op.kind == "fsync" and layout.entry_numbers(root, "b")[-1] == 4:
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        return done

    def action() -> None:
        with watched(exhausted), pytest.raises(RegistryBusyError, match=r"b is published, but .*Too many open files"):
            put(root, "b", "3")

    assert waited(forked(action)) == 0
    before = digest(root / "b.onnx")
    recover(root)
    assert digest(root / "b.onnx") != before


@pytest.mark.parametrize("action", ACTIONS)
def test_a_tip_that_cannot_be_written_is_said(root, action):
    """The last rename but the withdrawals was made; nothing is missing but the tip."""

    def denied(op: Op, perform: Callable[[], object]) -> object:
        if op.kind == "replace" and op.target.name == layout.TIP:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return perform()

    with watched(denied), pytest.raises(RegistryBusyError, match=r"but not everything .*Input/output error.*recover"):
        ACTIONS[action](root)
    assert log.tip_lags(root, "b")
    recover(root)
    assert not log.tip_lags(root, "b")
    assert not layout.workplaces(root)


def test_a_workplace_that_cannot_be_removed_is_said(root):
    def stays(op: Op, perform: Callable[[], object]) -> object:
        if op.kind == "rmdir":
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        return perform()

    with watched(stays), pytest.raises(RegistryBusyError, match=r"b is published, but not everything .*busy"):
        put(root, "b", "3")
    assert layout.workplaces(root)
    recover(root)
    assert not layout.workplaces(root)


def test_the_command_line_ends_with_5(root, tinyai, monkeypatch):
    monkeypatch.setattr(
        "tinyai_registry.store.publish.project", lambda *_: (_ for _ in ()).throw(OSError(24, "Too many"))
    )
    monkeypatch.setattr(
        "tinyai_registry.store.takeover.project", lambda *_: (_ for _ in ()).throw(OSError(24, "Too many"))
    )
    said = tinyai("rollback", "b", "--registry", root)
    assert said.code == 5
    assert "b is published, but not everything could be brought up to date (Too many)" in said.err
    assert "Traceback" not in said.err
