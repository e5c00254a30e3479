"""Reading while others write: one release, or a clear error."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from harness import digest, foreign_registry, graph, killed_at, put

from tinyai_registry.errors import RegistryBusyError, RegistryError
from tinyai_registry.store import layout, snapshot
from tinyai_registry.store.recovery import recover
from tinyai_registry.store.registry import Registry, open_registry
from tinyai_registry.store.snapshot import read_as_it_stands, read_documents, read_release


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
    assert read.files["b.onnx"] == graph("b 1")
    assert set(read.files) == {"b.onnx", "b.plain.onnx", "b.json", "b.md"}
    assert read.sidecar["sha256"] == read.row["sha256"] == digest(root / "b.onnx")


def test_a_foreign_release_is_read_by_its_row(root):
    read = read_release(root, "b")
    assert read.files["b.onnx"] == graph("b of old", "b.onnx.data")
    assert read.sidecar == {"kind": "fr", "input_name": "x", "output_name": "y", "quant_mode": "dynamic"}
    assert set(read.files) == {"b.onnx", "b.onnx.data", "b.int8.onnx", "b.json"}


@pytest.mark.parametrize("name", ["b.onnx", "b.json", "b.plain.onnx"])
def test_a_file_that_is_not_what_was_registered_is_refused_at_once(root, name):
    put(root, "b", "1")
    (root / name).write_bytes(b"{}")
    start = time.monotonic()
    with pytest.raises(RegistryError, match=r"is not what was registered for b; `tinyai validate`"):
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
    assert read_release(root, "b").files["b.onnx"] == graph(f"b {version}")
    assert looked.is_set()
    assert not layout.workplaces(root)


@pytest.fixture(params=["foreign", "ours"])
def before(request, root) -> Path:
    """A registry whose ``b`` nobody or somebody has published before."""
    if request.param == "ours":
        put(root, "b", "1")
    return root


@pytest.mark.parametrize("read", [read_release, read_documents, lambda *words: read_as_it_stands(*words)[1]])
@pytest.mark.parametrize("publishes", [1, 3])
def test_what_somebody_publishes_between_two_reads_is_read_whole(before, monkeypatch, read, publishes):
    real, left = Registry.row, [f"new {n}" for n in range(publishes)]

    def row(self, model):
        found = real(self, model)
        if left and model == "b":
            version = left.pop()
            with monkeypatch.context() as patch:
                patch.setattr(Registry, "row", real)
                put(before, "b", version)
        return found

    monkeypatch.setattr(Registry, "row", row)
    release = read(before, "b")
    assert not left
    assert release.row["notes"] == release.sidecar["notes"] == "b, version new 0"
    assert release.row["sha256"] == release.sidecar["sha256"] == digest(before / "b.onnx")


@pytest.mark.parametrize("read", [read_documents, read_as_it_stands])
def test_documents_too_are_waited_for_while_a_publish_is_under_way(root, read):
    put(root, "b", "1")
    torn(root)
    (root / "b.json").write_bytes(b"{}")
    with pytest.raises(RegistryBusyError, match="under way"):
        read(root, "b", patience=0.1)


def test_the_bytes_that_are_handed_out_are_those_that_were_hashed(root, monkeypatch):
    put(root, "b", "1")
    real = snapshot.sha256_of

    def hashed(data: bytes) -> str:
        (root / "b.onnx").write_bytes(b"swapped")  # after it was read
        return real(data)

    monkeypatch.setattr(snapshot, "sha256_of", hashed)
    assert read_release(root, "b").files["b.onnx"] == graph("b 1")


def test_show_needs_no_graph_and_says_where_documents_disagree(root, tinyai):
    put(root, "b", "1")
    (root / "b.onnx").write_bytes(b"damaged")
    assert tinyai("show", "b", "--registry", root).out == "# b 1\n"
    (root / "b.md").unlink()
    shown = tinyai("show", "b", "--registry", root, "--json").json
    assert shown["row"]["sha256"] == shown["sidecar"]["sha256"]
    (root / "b.json").write_text('{"kind": "fr", "input_name": "x", "output_name": "y", "quant_mode": "dynamic"}')
    said = tinyai("show", "b", "--registry", root)
    assert said.code == 2
    assert "b.json is not what was registered for b; `tinyai validate`" in said.err


def test_what_another_tool_registered_is_shown_whatever_its_digests(root, tinyai):
    (root / "b.onnx").write_bytes(b"another graph")
    shown = tinyai("show", "b", "--registry", root, "--json")
    assert shown.json["sidecar"] == {"kind": "fr", "input_name": "x", "output_name": "y", "quant_mode": "dynamic"}
    assert read_as_it_stands(root, "b")[1].sidecar == {
        "kind": "fr",
        "input_name": "x",
        "output_name": "y",
        "quant_mode": "dynamic",
    }
    with pytest.raises(RegistryError, match=r"b\.onnx is not what was registered"):
        read_release(root, "b")


def test_a_refresh_starts_from_damaged_files_as_they_are(root):
    put(root, "b", "1")
    (root / "b.json").write_text('{"kind": "nr"}')
    registry, found = read_as_it_stands(root, "b")
    assert found.sidecar == {"kind": "nr"}
    assert registry.row("b") == found.row
