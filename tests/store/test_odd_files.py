"""What is no regular file, or has no end: nobody waits for it, nobody is filled by it, and it is named."""

from __future__ import annotations

import os
import socket
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import ACCOUNT, contents, faults, foreign_registry, own_registry, put

from tinyai_registry.documents.index import INDEX
from tinyai_registry.errors import RegistryError
from tinyai_registry.files import FileProblemError, read_bytes
from tinyai_registry.store import layout, log
from tinyai_registry.store.rollback import rollback

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes among files")

GIANT = 60 * 10**9
MEMORY = 256 * 2**20


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    """``a`` and ``c`` of ours, ``a`` twice published; short names, for a socket takes no long one."""
    monkeypatch.chdir(tmp_path)
    folder = Path("r")
    own_registry(folder)
    put(folder, "a", "2")
    return folder


def fifo(path: Path) -> None:
    os.mkfifo(path)


def unix_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def device(path: Path) -> None:
    try:
        os.mknod(path, 0o20666, os.makedev(1, 5))  # /dev/zero
    except PermissionError:
        pytest.skip("only root makes devices")


def folder(path: Path) -> None:
    path.mkdir()
    (path / "mine").touch()


def giant(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(GIANT)


KINDS: dict[str, Callable[[Path], None]] = {each.__name__: each for each in (fifo, unix_socket, device, folder, giant)}
PLACES: dict[str, Callable[[Path], Path]] = {
    "graph": lambda root: root / "a.onnx",
    "artifact": lambda root: root / "a.plain.onnx",
    "sidecar": lambda root: root / "a.json",
    "card": lambda root: root / "a.md",
    "index": lambda root: root / INDEX,
    "entry": lambda root: layout.entry_file(root, "a", 2),
    "first entry": lambda root: layout.entry_file(root, "a", 1),
    "tip": lambda root: layout.tip_file(root, "a"),
    "object": lambda root: layout.object_file(root, "a", log.head(root, "a").files["a.onnx"]),
    "older object": lambda root: layout.object_file(root, "a", log.entries(root, "a")[0].files["a.onnx"]),
    "lock": layout.lock_file,
}
COMMANDS = {
    "validate": ["validate", "r"],
    "show": ["show", "a", "--registry", "r"],
    "log": ["log", "a", "--registry", "r"],
    "list": ["list", "--registry", "r"],
    "recover": ["recover", "r"],
    "rollback": ["rollback", "a", "--registry", "r"],
    "prune": ["prune", "--registry", "r"],
}
FILES = ("graph", "artifact", "sidecar", "card")
LOG = ("entry", "first entry")
# What a command does not read cannot stop it: by command, which places do, and with which code.
STOPPED = {
    "validate": dict.fromkeys((*FILES, *LOG, "index", "tip"), 1),
    "show": dict.fromkeys(("sidecar", "card", "index", "entry"), 2),
    "log": dict.fromkeys((*LOG, "index"), 2),
    "list": {"index": 2},
    "recover": {**dict.fromkeys((*FILES, *LOG, "tip"), 5), "index": 2},
    "rollback": dict.fromkeys((*FILES, *LOG, "index", "older object"), 2),
    "prune": dict.fromkeys((*LOG, "index"), 2),
}
# A regular file is replaced by the next release, however large it is; a folder cannot be.
UNLIKE = {("rollback", place, "giant"): 0 for place in FILES} | {("rollback", "tip", "folder"): 2}


def replaced(root: Path, place: str, kind: str) -> Path:
    path = PLACES[place](root)
    path.unlink(missing_ok=True)
    KINDS[kind](path)
    return path


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", PLACES)
def test_no_command_waits_for_it_or_is_filled_by_it(root, tinyai, place, kind, command):
    path = replaced(root, place, kind)
    tracemalloc.start()
    said = tinyai(*COMMANDS[command])
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    code = UNLIKE.get((command, place, kind), STOPPED[command].get(place, 0))
    assert said.code == code, said
    assert most < MEMORY
    assert code == 0 or path.name in said.err + said.out


@pytest.mark.parametrize("kind", ["fifo", "unix_socket", "folder"])
@pytest.mark.parametrize("place", ["graph", "artifact", "sidecar", "card"])
def test_what_no_file_can_take_the_place_of_is_named_before_anything_is_committed(root, place, kind):
    path = replaced(root, place, kind)
    before, log_before = contents(root), layout.entry_numbers(root, "a")
    with pytest.raises(RegistryError, match=rf"{path.name} is not a regular file; move it away"):
        rollback(root, "a", ACCOUNT)
    assert contents(root) == before
    assert layout.entry_numbers(root, "a") == log_before
    assert not layout.workplaces(root)
    path.rmdir() if kind == "folder" and not (path / "mine").unlink() else path.unlink()
    rollback(root, "a", ACCOUNT)
    assert faults(root) == []


@pytest.mark.parametrize("kind", ["fifo", "unix_socket", "folder", "giant"])
def test_a_release_of_another_tool_that_cannot_be_read_is_not_replaced_unread(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    root = Path("f")
    foreign_registry(root)
    (root / "b.onnx.data").unlink()
    KINDS[kind](root / "b.onnx.data")
    before = sorted(path.name for path in root.iterdir())
    with pytest.raises(RegistryError, match=r"b\.onnx\.data (is not a regular file|is a folder|has 60000000000 bytes)"):
        put(root, "b", "1")
    assert log.head(root, "b") is None
    assert {*before, layout.FOLDER, ".gitattributes"} == {path.name for path in root.iterdir()}


def test_a_file_that_grows_while_it_is_read_is_read_no_further_than_the_bound(tmp_path, monkeypatch):
    path = tmp_path / "log"
    path.write_bytes(b"x" * 10)
    real = os.fstat

    def shrunk(descriptor: int) -> os.stat_result:
        about = list(real(descriptor))
        about[6] = 4
        return os.stat_result(about)

    monkeypatch.setattr(os, "fstat", shrunk)
    assert read_bytes(path, 10) == b"x" * 10
    with pytest.raises(FileProblemError, match="at most 9 can be read"):
        read_bytes(path, 9)
