"""Reading while others write: one release, or a clear error."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from harness import digest, foreign_registry, killed_at, put

from tinyai_registry.errors import RegistryBusyError, RegistryError
from tinyai_registry.store import layout, snapshot
from tinyai_registry.store.recovery import recover
from tinyai_registry.store.registry import open_registry
from tinyai_registry.store.snapshot import read_release


@pytest.fixture
def root(tmp_path) -> Path:
    folder = tmp_path / "registry"
    foreign_registry(folder)
    return folder


def torn(root: Path) -> str:
    """A publish died with its graph in place, and its row not; returns its version."""
    for nth in range(10_000):
        version = f"2.{nth}"
        assert killed_at(nth, lambda version=version: put(root, "b", version))
        if digest(root / "b.onnx") != open_registry(root).row("b")["sha256"]:
            return version
        recover(root)
    raise AssertionError("never torn")


def test_a_release_is_read_whole_with_the_bytes_that_were_hashed(root):
    put(root, "b", "1")
    read = read_release(root, "b")
    assert read.onnx == b"b graph 1"
    assert set(read.files) == {"b.onnx", "b.plain.onnx", "b.json", "b.md"}
    assert read.sidecar["sha256"] == read.row["sha256"] == digest(root / "b.onnx")


def test_a_foreign_release_is_read_by_its_row(root):
    read = read_release(root, "b")
    assert read.onnx == b"old graphb"
    assert read.sidecar == {"kind": "fr"}
    assert set(read.files) == {"b.onnx", "b.onnx.data", "b.int8.onnx", "b.json"}


@pytest.mark.parametrize("name", ["b.onnx", "b.json", "b.plain.onnx"])
def test_a_file_that_is_not_what_was_registered_is_refused_at_once(root, name):
    put(root, "b", "1")
    (root / name).write_bytes(b"{}")
    start = time.monotonic()
    with pytest.raises(RegistryError, match=r"is not what was registered for b$"):
        read_release(root, "b")
    assert time.monotonic() - start < 5


def test_a_file_that_is_missing_and_a_model_that_is_not_there_are_named(root):
    (root / "b.int8.onnx").unlink()
    with pytest.raises(RegistryError, match=r"b\.int8\.onnx"):
        read_release(root, "b")
    with pytest.raises(RegistryError, match="no model 'x'"):
        read_release(root, "x")


def test_while_a_publish_is_under_way_it_is_read_again_and_then_given_up(root):
    put(root, "b", "1")
    torn(root)
    with pytest.raises(RegistryBusyError, match=r"a publish has been under way for 0\.1 seconds"):
        read_release(root, "b", patience=0.1)


def test_what_is_finished_meanwhile_is_read(root, monkeypatch):
    put(root, "b", "1")
    version = torn(root)
    looked = threading.Event()
    monkeypatch.setattr(snapshot.time, "sleep", lambda _: looked.is_set() or (looked.set(), recover(root)))
    assert read_release(root, "b").onnx == f"b graph {version}".encode()
    assert looked.is_set()
    assert not layout.pending(root)
