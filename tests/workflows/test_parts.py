"""The folder of finished parts: who shares it, when it goes, and what is never taken for it."""

from __future__ import annotations

import shutil
import threading
from contextlib import nullcontext

import pytest

from tinyai_registry.errors import EngineError
from tinyai_registry.workflows.workers.parts import keep_parts


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache" / "work.parts"


def write_and_end(folder, error):
    with keep_parts(folder):
        (folder / "finished").touch()
        if error is not None:
            raise error


@pytest.mark.parametrize("error", [None, EngineError, KeyboardInterrupt])
def test_the_last_one_who_is_at_the_work_takes_it_away(folder, error):
    with keep_parts(folder):
        with pytest.raises(error) if error else nullcontext():
            write_and_end(folder, error)
        assert (folder / "finished").exists()
    assert not folder.exists()


def test_one_who_may_not_share_it_leaves_it_to_the_one_who_has_it(folder):
    """Even while nothing is in it."""
    with keep_parts(folder, "wait for it"):
        with pytest.raises(EngineError, match=r"^wait for it$"), keep_parts(folder, "wait for it"):
            pass
        assert folder.exists()
    assert not folder.exists()


def test_one_who_comes_while_it_is_removed_gets_a_new_one(folder, monkeypatch):
    remove, found, others = shutil.rmtree, [], []

    def come() -> None:
        with keep_parts(folder):
            found.append(folder.exists() and not list(folder.iterdir()))

    def let_come_and_remove(path, **how) -> None:
        if not others:
            others.append(threading.Thread(target=come))
            others[0].start()
            others[0].join(0.2)  # it waits for us
            assert found == []
        remove(path, **how)

    monkeypatch.setattr(shutil, "rmtree", let_come_and_remove)
    with keep_parts(folder):
        (folder / "finished").touch()
    others[0].join()
    assert found == [True]
    assert not folder.exists()


def test_a_file_in_its_place_is_named(folder):
    folder.parent.mkdir()
    folder.touch()
    with pytest.raises(EngineError, match=r"work\.parts is a link or somebody else's"), keep_parts(folder):
        pass
