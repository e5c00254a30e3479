"""Many writers at once lose nothing, and readers see whole releases all the time; also where the lock lies."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from harness import (
    ACCOUNT,
    Op,
    assert_tidy,
    assert_valid,
    drawn_alike,
    fast_folder,
    faults,
    foreign_registry,
    foreign_row,
    forked,
    killed_at,
    put,
    waited,
    watched,
)
from test_kill import import_d, migrate_b, rename_to_e, signed

from tinyai_registry.documents import strict_json
from tinyai_registry.documents.index import INDEX
from tinyai_registry.errors import RegistryBusyError, RegistryError
from tinyai_registry.files import Folder
from tinyai_registry.store import chain, layout, log, publish, turn
from tinyai_registry.store.activity import is_pending
from tinyai_registry.store.projection import lags
from tinyai_registry.store.recovery import recover
from tinyai_registry.store.registry import open_registry
from tinyai_registry.store.rollback import rollback
from tinyai_registry.store.snapshot import read_release
from tinyai_registry.workflows.remove import remove

ROUNDS = 20
MODELS = 16  # written by one process each
SAME = 8  # processes that write one and the same
PATIENCE = 60.0


class NoLock:
    """A lock that lies, as on some network file systems."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    def acquire(self, timeout: float) -> None:
        pass

    def release(self) -> None:
        pass


@pytest.fixture
def no_lock(monkeypatch):
    monkeypatch.setattr(turn, "FileLock", NoLock)


@pytest.fixture(params=["filelock", "no lock"])
def lies(request) -> bool:
    if request.param == "no lock":
        request.getfixturevalue("no_lock")
    return request.param == "no lock"


@pytest.fixture
def root():
    """A registry of ours with a model of another tool."""
    with fast_folder() as name:
        folder = Path(name) / "registry"
        publish.init(folder)
        rows = [foreign_row(folder, "foreign")]
        (folder / INDEX).write_text(strict_json.dumps({"models": rows, "schema_version": 0}))
        yield folder


def write(root: Path, model: str, writer: int) -> None:
    for number in range(ROUNDS):
        put(root, model, f"{number} of {writer}", PATIENCE)


def read(root: Path, stop: Path, said: Path) -> None:
    """Poll until told to stop; whatever is not as it should be is an error. Says how often it looked."""
    reads, seen = 0, set()
    while not stop.exists():
        ids = [row["id"] for row in open_registry(root).rows]
        assert len(ids) == len(set(ids)), f"doubled: {ids}"
        assert seen <= set(ids), f"lost: {seen - set(ids)}"
        seen |= set(ids)
        for model in seen:
            snapshot = read_release(root, model, PATIENCE)
            if model != "foreign":
                assert snapshot.sidecar["sha256"] == snapshot.row["sha256"]
                assert snapshot.sidecar["notes"] == snapshot.row["notes"]
            reads += 1
    said.write_text(str(reads))


def test_nothing_is_lost_and_readers_see_whole_releases(root, lies, tell):
    stop, said = root.parent / "stop", [root.parent / f"reader-{n}" for n in range(2)]
    start = time.perf_counter()
    readers = [forked(lambda path=path: read(root, stop, path)) for path in said]
    jobs = [(f"m{n:02}", n) for n in range(MODELS)] + [("same", n) for n in range(SAME)]
    writers = [forked(lambda job=job: write(root, *job)) for job in jobs]
    codes = [waited(child) for child in writers]
    stop.touch()
    assert [waited(child) for child in readers] == [0, 0]
    assert codes == [0] * len(jobs)

    assert faults(root) == []
    assert_tidy(root, "at the end")
    ids = [row["id"] for row in open_registry(root).rows]
    assert ids == sorted(["foreign", "same", *(f"m{n:02}" for n in range(MODELS))])
    published = Counter(
        e.model for model in layout.logged_models(root) for e in log.entries(root, model) if e.action == "publish"
    )
    assert published == {"same": SAME * ROUNDS, **{f"m{n:02}": ROUNDS for n in range(MODELS)}}
    assert all(not list(chain.breaks(Folder(root), model)) for model in layout.logged_models(root))
    looks, seconds = " + ".join(path.read_text() for path in said), time.perf_counter() - start
    lock = "no lock" if lies else "with a lock"
    tell(f"{len(jobs)} writers, {ROUNDS} rounds, {lock}: {published.total()} publishes, {looks} reads, {seconds:.1f} s")


class Intruder:
    """Lets ``intrude`` happen before the operation ``nth`` (from 0) of a writer."""

    def __init__(self, nth: int, intrude: Callable[[], object]) -> None:
        self.left, self.intrude = nth, intrude

    def __call__(self, _: Op, perform: Callable[[], Any]) -> Any:
        self.left -= 1
        if self.left == -1:
            self.intrude()
        return perform()


def take_away(root: Path) -> None:
    """The model, if nobody has published it between our look at it and our turn."""
    with suppress(RegistryBusyError):
        remove(root, "b", ACCOUNT)


def take_back(root: Path) -> None:
    """The release before, whose files "mine" withdraws, if that is committed."""
    with suppress(RegistryError):
        rollback(root, "b", ACCOUNT)


INTRUSIONS = {
    "takes it back": take_back,
    "removes the model": take_away,
    "publishes another model": lambda root: put(root, "a", "theirs"),
    "publishes the same": lambda root: put(root, "b", "theirs"),
    "imports a model": import_d,
    "recovers": recover,
    "dies": lambda root: killed_at(50, lambda: put(root, "c", "theirs")),
}


@pytest.mark.parametrize("intrusion", INTRUSIONS)
def test_where_the_lock_lies_another_writer_may_come_before_any_operation(no_lock, intrusion, tell):
    with fast_folder() as name:
        start, root = Path(name) / "start", Path(name) / "root"
        foreign_registry(start)
        put(start, "c", "1")
        for nth in range(10_000):
            shutil.copytree(start, root)
            intruder = Intruder(nth, lambda: INTRUSIONS[intrusion](root))
            with drawn_alike(), watched(intruder):
                put(root, "b", "mine")
            if intruder.left >= 0:
                break
            assert is_pending(root) or not any(
                lags(open_registry(root), model) for model in layout.logged_models(root)
            ), f"operation {nth}"
            recover(root)
            assert_valid(root, f"operation {nth}")
            assert_tidy(root, f"operation {nth}")
            published = [entry for entry in log.entries(root, "b") if entry.action == "publish"]
            assert [e.rows[0].get("notes") for e in published].count("b, version mine") == 1
            shutil.rmtree(root)
    tell(f"another writer {intrusion} before each of {nth} operations")
    assert nth >= 80


@pytest.mark.parametrize("intrusion", ["publishes another model", "dies"])
def test_a_migration_is_whole_whenever_another_writer_comes(no_lock, intrusion, tell):
    with fast_folder() as name:
        start, root = Path(name) / "start", Path(name) / "root"
        signed(start)
        for nth in range(10_000):
            shutil.copytree(start, root)
            intruder = Intruder(nth, lambda: INTRUSIONS[intrusion](root))
            with drawn_alike(), watched(intruder):
                migrate_b(root)
            if intruder.left >= 0:
                break
            recover(root)
            assert_valid(root, f"operation {nth}")
            assert_tidy(root, f"operation {nth}")
            assert open_registry(root).row("b")["license"] == "MIT", f"operation {nth}"
            shutil.rmtree(root)
    tell(f"another writer {intrusion} before each of {nth} operations of a migration")
    assert nth >= 80


RENAMED = {each: INTRUSIONS[each] for each in ("publishes the same", "dies")}


@pytest.mark.parametrize("intrusion", RENAMED)
def test_a_model_that_another_writer_publishes_while_it_is_renamed_is_under_one_name_or_both(no_lock, intrusion, tell):
    with fast_folder() as name:
        start, root = Path(name) / "start", Path(name) / "root"
        foreign_registry(start)
        put(start, "b", "1")
        for nth in range(10_000):
            shutil.copytree(start, root)
            intruder = Intruder(nth, lambda: RENAMED[intrusion](root))
            with drawn_alike(), watched(intruder), suppress(RegistryBusyError):
                rename_to_e(root, "b")
            if intruder.left >= 0:
                break
            recover(root)
            assert_valid(root, f"operation {nth}")
            assert_tidy(root, f"operation {nth}")
            notes = {row["id"]: row.get("notes") for row in open_registry(root).rows}
            if intrusion == "publishes the same":
                assert "b, version theirs" in {notes.get("b"), notes.get("e")}, f"operation {nth}"
            else:
                assert notes.get("e") == "b, version 1", f"operation {nth}"
                assert "b" not in notes, f"operation {nth}"
            shutil.rmtree(root)
    tell(f"another writer {intrusion} before each of {nth} operations of a renaming")
    assert nth >= 60
