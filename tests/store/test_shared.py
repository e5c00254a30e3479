"""A registry that two users share through a group: each publishes, dies and recovers, whatever the umask."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
from harness import (
    Killer,
    assert_sound,
    contents,
    fast_folder,
    foreign_registry,
    forked,
    put,
    recorded,
    waited,
    watched,
)

from tinyai_registry.documents.index import INDEX
from tinyai_registry.onnxfile.inspector import Inspection
from tinyai_registry.store import layout
from tinyai_registry.store.recovery import recover
from tinyai_registry.store.snapshot import read_release
from tinyai_registry.workflows.validate import validate

pytestmark = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become two other users"
)

GROUP, ADA, BEN, EVE = 20_000, 20_001, 20_002, 20_003
OWN_GROUP = 20_100  # of each user: this plus nothing, that they have in common
UMASKS = [0o002, 0o022, 0o077]
every_umask = pytest.mark.parametrize("umask", UMASKS, ids=oct)


def become(user: int, umask: int, groups: list[int]) -> None:
    os.setgroups(groups)
    os.setgid(user)  # a group of one's own, as most systems make it
    os.setuid(user)
    os.umask(umask)


def as_user(user: int, umask: int, action: Callable[[], object], groups: tuple[int, ...] = (GROUP,)) -> int:
    """How a child of ``user`` that does ``action`` ended."""

    def run() -> None:
        become(user, umask, list(groups))
        action()

    return waited(forked(run))


def share(folder: Path, mode: int) -> None:
    """Give everything below ``folder`` to Ada and the group."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, ADA, GROUP)
        path.chmod(mode if path.is_dir() else mode & 0o666)


@pytest.fixture(params=[0o2775, 0o775], ids=["setgid", "group"])
def root(request):
    """A registry of another tool in a folder that the group may write."""
    with fast_folder() as name:
        Path(name).chmod(0o755)
        folder = Path(name) / "registry"
        foreign_registry(folder)
        share(folder, request.param)
        yield folder


def modes(root: Path) -> dict[str, tuple[int, int]]:
    """Mode and group of everything in the registry but the lock, which any user may have made."""
    found = {str(path.relative_to(root)): path.lstat() for path in root.rglob("*")}
    return {name: (stat.S_IMODE(about.st_mode), about.st_gid) for name, about in found.items()}


@every_umask
def test_what_is_published_has_mode_and_group_of_what_it_replaces_or_of_the_folder(root, umask):
    folder = stat.S_IMODE(root.stat().st_mode)
    (root / "b.json").chmod(0o640)
    (root / INDEX).chmod(0o644)
    assert as_user(BEN, umask, lambda: put(root, "b", "1")) == 0
    assert as_user(ADA, umask, lambda: put(root, "b", "2")) == 0
    now = modes(root)
    assert now.pop("b.json") == (0o640, GROUP)
    assert now.pop(INDEX) == (0o644, GROUP)
    assert {group for _, group in now.values()} == {GROUP}
    assert {mode for name, (mode, _) in now.items() if (root / name).is_dir()} == {folder}
    assert {mode for name, (mode, _) in now.items() if (root / name).is_file()} == {folder & 0o666}


@every_umask
def test_users_take_turns(root, umask):
    for number, user in enumerate((ADA, BEN, ADA, BEN)):
        assert as_user(user, umask, lambda version=str(number): put(root, "b", version)) == 0
        assert as_user(user, umask, lambda: recover(root)) == 0
    assert as_user(EVE, umask, lambda: put(root, "b", "5"), groups=()) == 1
    assert as_user(BEN, umask, lambda: put(root, "n", "1")) == 0


@every_umask
@pytest.mark.parametrize("root", [0o2775], ids=["setgid"], indirect=True)
def test_where_one_died_the_other_goes_on(root, umask, tell):
    """At each operation of Ada's publish she is killed, and Ben recovers; in the same registry that Ada began."""
    start, done = root.with_name("start"), root.with_name("done")
    root.rename(start)
    shutil.copytree(start, done)
    put(done, "b", "1")
    old, new = contents(start), contents(done)

    def dies(nth: int) -> None:
        with watched(Killer(nth)):
            put(root, "b", "1")

    def goes_on() -> None:
        recover(root)
        assert not layout.workplaces(root)
        assert contents(root) in (old, new)
        put(root, "c", "1")

    for nth in range(10_000):
        copy_owned(start, root)
        ended = as_user(ADA, umask, lambda nth=nth: dies(nth))
        if ended == 0:
            break
        assert as_user(BEN, umask, goes_on) == 0, f"point {nth}"
        assert as_user(ADA, umask, lambda: put(root, "a", "1")) == 0, f"point {nth}"
        shutil.rmtree(root)
    tell(f"umask {umask:03o}: Ada killed at {nth} points of her first publish, and Ben went on")
    assert nth >= 120


def copy_owned(source: Path, target: Path) -> None:
    shutil.copytree(source, target)
    for path in (source, *source.rglob("*")):
        about, copy = path.stat(), target / path.relative_to(source)
        os.chown(copy, about.st_uid, about.st_gid)
        copy.chmod(stat.S_IMODE(about.st_mode))


@every_umask
def test_a_registry_of_ones_own_has_the_modes_of_its_folder(umask):
    with fast_folder() as name:
        Path(name).chmod(0o777)
        root = Path(name) / "registry"

        def action() -> None:
            from tinyai_registry.store.publish import init

            init(root)
            put(root, "b", "1")

        assert as_user(ADA, umask, action) == 0
        assert stat.S_IMODE(root.stat().st_mode) == 0o777 & ~umask
        assert {stat.S_IMODE(path.stat().st_mode) for path in root.rglob("*") if path.is_file()} == {0o666 & ~umask}


@every_umask
@pytest.mark.parametrize("root", [0o2775], ids=["setgid"], indirect=True)
def test_who_may_read_and_not_write_is_told_the_same(root, umask, monkeypatch):
    assert as_user(ADA, umask, lambda: put(root, "b", "1")) == 0
    before = modes(root)

    def action() -> None:
        assert read_release(root, "b").row["notes"] == "b, version 1"
        assert validate(root)

    # She may have no right to start the interpreter that the tests run in, and what is asked here is what she may read.
    inspector = SimpleNamespace(inspect=lambda _: Inspection(refusal=None, shapes=()))
    monkeypatch.setattr("tinyai_registry.workflows.validate.Inspector", lambda: nullcontext(inspector))
    assert as_user(EVE, 0o022, action, groups=()) == 0
    assert modes(root) == before


@pytest.mark.parametrize("part", [".tinyai", ".tinyai/log", ".tinyai/objects", ".tinyai/pending", ".tinyai/log/b"])
def test_a_store_of_somebody_who_may_not_write_into_the_registry_is_not_written_into(part):
    """Who owns a folder could put a link into it while somebody writes."""
    with fast_folder() as name:
        Path(name).chmod(0o755)
        root = Path(name) / "registry"
        foreign_registry(root)
        put(root, "b", "1")
        share(root, 0o755)
        assert as_user(ADA, 0o022, lambda: put(root, "b", "2")) == 0
        os.chown(root / part, EVE, EVE)
        (root / part).chmod(0o777)

        def action() -> None:
            with pytest.raises(Exception, match=f"{part} belongs to another user .uid {EVE}.") as refused:
                put(root, "b", "3")
            assert type(refused.value).__name__ == "RegistryError"

        before = contents(root)
        assert as_user(ADA, 0o022, action) == 0
        assert contents(root) == before


def test_the_system_may_write_into_the_registry_of_a_user(root):
    """As in a container, where everything is done by root, and belongs to somebody."""
    assert as_user(ADA, 0o022, lambda: put(root, "b", "1")) == 0
    put(root, "b", "2")
    assert as_user(BEN, 0o022, lambda: put(root, "b", "3")) == 0
    assert recorded(lambda: put(root, "b", "4"))
    done = contents(root)
    assert assert_sound(root, done, done, "by four hands")
