"""A release goes in whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tinyai_registry.errors import PublishError, RegistryBusyError, RegistryError, TinyaiError
from tinyai_registry.release import Release
from tinyai_registry.store.publish import init, publish
from tinyai_registry.store.registry import open_registry

NEIGHBOUR = {"onnx": "z.onnx", "id": "z"}
OLD_ROW = {"id": "a", "onnx": "a.onnx", "sha256": "0" * 64}
NEW_ROW = {"id": "a", "onnx": "a.onnx", "sha256": "1" * 64}
OLD_FILES = ("a.onnx", "a.json", "a.int8.onnx", "a.onnx.data")
RELEASE = Release(
    model="a",
    files={"a.onnx": b"new graph", "a.plain.onnx": b"plain", "a.json": b"{}\n", "a.md": b"# A\n"},
    rows=(NEW_ROW,),
    withdrawn=("a.int8.onnx", "a.onnx.data"),
)


@pytest.fixture
def root(tmp_path) -> Path:
    """A registry with a release of ``a``, an int8 twin, weights outside, and a neighbour."""
    folder = tmp_path / "registry"
    init(folder)
    (folder / "registry.json").write_text(json.dumps({"models": [OLD_ROW, NEIGHBOUR], "schema_version": 1}))
    for name in OLD_FILES:
        (folder / name).write_bytes(f"old {name}".encode())
    (folder / "a.json").write_text('{"kind": "fr"}')
    return folder


def put(root: Path, release: Release = RELEASE) -> None:
    registry = open_registry(root)
    publish(registry, registry.find(release.model), release)


def rows(root: Path) -> list[dict]:
    return json.loads((root / "registry.json").read_text())["models"]


def test_a_release_replaces_the_one_before_and_withdraws_what_it_makes_untrue(root):
    put(root)
    assert sorted(path.name for path in root.iterdir()) == [
        *("a.json", "a.md", "a.onnx", "a.plain.onnx", "registry.json"),
    ]
    assert {name: (root / name).read_bytes() for name in RELEASE.files} == RELEASE.files
    assert rows(root) == [NEW_ROW, NEIGHBOUR]


def test_files_appear_before_the_row_that_makes_them_count_and_withdrawals_come_last(root, monkeypatch):
    moves = []
    for name in ("replace", "unlink"):
        real = getattr(Path, name)

        def step(self, *args, real=real, **kwargs):
            moves.append(Path(args[0] if args else self))
            return real(self, *args, **kwargs)

        monkeypatch.setattr(Path, name, step)
    put(root)
    assert [path.name for path in moves if path.parent == root] == [
        *RELEASE.files,
        "registry.json",
        *RELEASE.withdrawn,
    ]


def test_every_new_file_is_on_the_disk_before_the_first_is_moved(root, monkeypatch):
    events = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *args, name=name, real=real: (events.append(name), real(*args))[1])
    put(root)
    files = len(RELEASE.files) + 1  # and registry.json
    assert events[: files + 1] == ["fsync"] * files + ["replace"]
    assert events[-1] == "fsync"  # of the folder, which holds the names


# Whatever touches the disk on the way, and how it is reached.
CALLS = {
    "os.replace": (os, "replace"),
    "Path.unlink": (Path, "unlink"),
    "os.fsync": (os, "fsync"),
    "Path.open": (Path, "open"),
    "Path.mkdir": (Path, "mkdir"),
    "shutil.copy2": (shutil, "copy2"),
    "mkdtemp": (tempfile, "mkdtemp"),
}


class Failing:
    """Stands in for a function, and raises at its ``nth`` call (from 1) only."""

    def __init__(self, monkeypatch, owner: object, name: str, nth: int, error: BaseException) -> None:
        self.calls, real = 0, getattr(owner, name)

        def call(*args, **kwargs):
            self.calls += 1
            if self.calls == nth:
                raise error
            return real(*args, **kwargs)

        monkeypatch.setattr(owner, name, call)


def count(monkeypatch, root: Path, where: tuple[object, str]) -> int:
    """How often a publication makes the call."""
    copy = root.with_name("counted")
    shutil.copytree(root, copy)
    with monkeypatch.context() as patch:
        counter = Failing(patch, *where, nth=0, error=OSError())
        put(copy)
    return counter.calls


@pytest.mark.parametrize("where", CALLS.values(), ids=CALLS)
def test_whatever_step_fails_the_registry_is_as_it_was(root, monkeypatch, digests, where):
    before = digests(root)
    calls = count(monkeypatch, root, where)
    assert calls >= 1
    for nth in range(1, calls + 1):
        with monkeypatch.context() as patch:
            Failing(patch, *where, nth, OSError(errno.ENOSPC, "No space left on device"))
            with pytest.raises(TinyaiError, match="No space left on device"):
                put(root)
        assert digests(root) == before, f"call {nth} of {calls}"
        assert not list(root.glob(".tinyai-*")), f"call {nth} of {calls}"
    put(root)
    assert rows(root) == [NEW_ROW, NEIGHBOUR]


@pytest.mark.parametrize(("step", "nth"), [*(("replace", n) for n in range(1, 6)), ("unlink", 1), ("unlink", 2)])
def test_an_interrupt_is_undone_and_passed_on(root, monkeypatch, digests, step, nth):
    before = digests(root)
    with monkeypatch.context() as patch:
        Failing(patch, Path, step, nth, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            put(root)
    assert digests(root) == before


def test_where_the_disk_fails_for_good_nothing_of_the_old_release_is_lost(root, monkeypatch):
    old = {(root / name).read_bytes() for name in OLD_FILES}
    real, calls = os.replace, []

    def replace(source, target):
        calls.append(target)
        if len(calls) > 2:
            raise OSError(errno.EIO, "Input/output error")
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises((PublishError, RegistryBusyError)):
        put(root)
    kept = {path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert old <= kept


def test_what_is_read_back_wrong_is_not_published(root, monkeypatch, digests):
    before = digests(root)
    real = Path.read_bytes

    def read_bytes(self):
        return real(self)[:-1] if self.name == "a.plain.onnx" else real(self)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", read_bytes)
        with pytest.raises(PublishError, match=r"a\.plain\.onnx"):
            put(root)
    assert digests(root) == before


@pytest.mark.parametrize(
    "name", ["../stray.onnx", "../../../stray.onnx", "b/../../../../stray.onnx", "{root}/../stray.onnx"]
)
def test_a_release_cannot_write_outside_the_folder(root, digests, name):
    release = Release("a", {**RELEASE.files, name.format(root=root): b"stray"}, (NEW_ROW,), ())
    before = digests(root.parent)
    with pytest.raises(RegistryError, match="is no file inside the registry folder"):
        put(root, release)
    assert digests(root.parent) == before


@pytest.mark.parametrize(
    "row",
    [{**OLD_ROW, "sha256": "2" * 64}, {**OLD_ROW, "license": "ISC"}, None],
    ids=["published", "edited", "removed"],
)
def test_a_row_that_changed_meanwhile_is_not_overwritten(root, digests, row):
    registry = open_registry(root)
    before = registry.find("a")
    models = [row, NEIGHBOUR] if row else [NEIGHBOUR]
    (root / "registry.json").write_text(json.dumps({"models": models, "schema_version": 1}))
    meanwhile = digests(root)
    with pytest.raises(RegistryBusyError) as busy:
        publish(registry, before, RELEASE)
    assert busy.value.exit_code == 5
    assert digests(root) == meanwhile


def test_a_first_release_does_not_overwrite_one_that_came_meanwhile(tmp_path, digests):
    init(tmp_path)
    registry = open_registry(tmp_path)
    (tmp_path / "registry.json").write_text(json.dumps({"models": [OLD_ROW], "schema_version": 1}))
    meanwhile = digests(tmp_path)
    with pytest.raises(RegistryBusyError):
        publish(registry, None, RELEASE)
    assert digests(tmp_path) == meanwhile


def test_a_neighbour_that_came_or_changed_meanwhile_survives(root):
    registry = open_registry(root)
    before = registry.find("a")
    models = [OLD_ROW, {**NEIGHBOUR, "license": "ISC"}, {"id": "zz", "onnx": "zz.onnx"}]
    (root / "registry.json").write_text(json.dumps({"models": models, "schema_version": 1}))
    publish(registry, before, RELEASE)
    assert rows(root) == [NEW_ROW, *models[1:]]


def test_a_release_of_a_model_in_a_folder_of_its_own_moves_it_out(root):
    (root / "sub").mkdir()
    (root / "sub" / "a.onnx").write_bytes(b"old")
    release = Release("a", {"a.onnx": b"new"}, (NEW_ROW,), ("sub/a.onnx",))
    put(root, release)
    assert not (root / "sub" / "a.onnx").exists()
    assert (root / "a.onnx").read_bytes() == b"new"
