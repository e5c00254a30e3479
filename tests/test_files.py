"""Reading files by name: inside the folder, regular, within bounds to the byte."""

from __future__ import annotations

import os
import socket
from contextlib import nullcontext
from pathlib import Path

import pytest

from tinyai_registry.files import (
    File,
    FileProblemError,
    Folder,
    Problem,
    Unreadable,
    is_replaced,
    read_bytes,
    replacing,
    sha256_of,
    strays,
)

LIMIT = 1000


@pytest.mark.parametrize("size", [0, 1, LIMIT - 1, LIMIT])
def test_a_file_within_the_limit_is_read_whole(tmp_path, size):
    (tmp_path / "f").write_bytes(b"x" * size)
    assert read_bytes(tmp_path / "f", LIMIT) == b"x" * size
    assert Folder(tmp_path).fetch("f", LIMIT) == File("f", b"x" * size)


@pytest.mark.parametrize("size", [LIMIT + 1, 2 * LIMIT, 11 * LIMIT])
def test_a_file_beyond_the_limit_is_refused_with_its_size(tmp_path, size):
    (tmp_path / "f").write_bytes(b"x" * size)
    with pytest.raises(FileProblemError, match=rf"has {size} bytes; at most {LIMIT} can be read"):
        read_bytes(tmp_path / "f", LIMIT)
    found = Folder(tmp_path).fetch("f", LIMIT)
    assert isinstance(found, Unreadable)
    assert found.problem is Problem.SIZE


def test_a_hole_of_sixty_gigabytes_costs_no_memory(tmp_path):
    with (tmp_path / "f").open("wb") as file:
        file.truncate(60 * 10**9)
    with pytest.raises(FileProblemError, match="has 60000000000 bytes"):
        read_bytes(tmp_path / "f", LIMIT)


def make_pipe(path):
    os.mkfifo(path)


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as each:
        each.bind(str(path))


@pytest.mark.skipif(os.name == "nt", reason="Windows has neither")
@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (make_pipe, Problem.NOT_REGULAR),
        (make_socket, Problem.NOT_REGULAR),
        (os.mkdir, Problem.NOT_REGULAR),
        (lambda path: path.symlink_to("/dev/zero"), Problem.NOT_REGULAR),
        (lambda path: path.symlink_to("nowhere"), Problem.LINKED),
        (lambda path: path.symlink_to("/etc/passwd"), Problem.LINKED),
        (os.fspath, Problem.MISSING),
    ],
    ids=["pipe", "socket", "folder", "device", "link to nowhere", "link out", "nothing"],
)
def test_what_is_no_regular_file_of_the_folder_is_not_waited_for(tmp_path, monkeypatch, make, problem):
    monkeypatch.chdir(tmp_path)  # a socket's name has a hundred characters at most
    make(Path("f"))
    found = Folder(tmp_path).fetch("f", LIMIT)
    assert isinstance(found, Unreadable)
    assert found.problem is problem


@pytest.mark.parametrize(("inside", "linked"), [(1, False), (2, False), (0, True)])
def test_a_hard_link_counts_where_it_leads_out_of_the_folder(tmp_path, inside, linked):
    folder = tmp_path / "registry"
    folder.mkdir()
    (folder / "f").write_bytes(b"x")
    for number in range(inside):
        os.link(folder / "f", folder / f"again{number}")
    if linked:
        os.link(folder / "f", tmp_path / "outside")
    found = Folder(folder).fetch("f", LIMIT)
    assert isinstance(found, File)
    assert found.linked is linked


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/../b", "./a", "a//b", "/a", "C:/a", "C:a", "a\\b", "a\nb", "a\0b", "x" * 256]
)
def test_a_path_that_strays_is_never_opened(tmp_path, name):
    assert strays(name)
    found = Folder(tmp_path).fetch(name, LIMIT)
    assert isinstance(found, Unreadable)
    assert found.problem is Problem.OUTSIDE


@pytest.mark.parametrize("name", ["a", "a.b", "a/b", ".a/b", "ä", "x" * 255])
def test_a_plain_path_stays(name):
    assert strays(name) is None


def test_a_digest_is_that_of_the_bytes_that_were_read(tmp_path):
    (tmp_path / "f").write_bytes(b"abc")
    found = Folder(tmp_path).fetch("f", LIMIT)
    assert isinstance(found, File)
    assert found.sha256 == sha256_of(b"abc")
    assert found.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs a file whose size nobody knows before")
def test_no_more_is_read_than_shows_that_it_is_too_much():
    with pytest.raises(FileProblemError, match=r"has 101 bytes; at most 100"):
        read_bytes(Path("/proc/self/maps"), 100)


# --- files that are written whole


@pytest.mark.parametrize("old", [None, b"old"], ids=["new", "in place of another"])
@pytest.mark.parametrize("error", [None, OSError, KeyboardInterrupt])
def test_a_file_is_written_whole_or_what_was_there_stays(tmp_path, old, error):
    path = tmp_path / ("x" * 255)  # as long as a name may be
    if old is not None:
        path.write_bytes(old)
        path.chmod(0o640)
    stop = pytest.raises(error) if error else nullcontext()
    with stop, replacing(path) as own:
        own.write_bytes(b"new")
        assert not path.exists() if old is None else path.read_bytes() == old
        if error:
            raise error
    found = {each: each.read_bytes() for each in tmp_path.iterdir()}
    assert found == ({path: b"new"} if error is None else {} if old is None else {path: old})
    assert old is None or path.stat().st_mode & 0o777 == 0o640


def test_a_link_stays_and_the_file_that_it_leads_to_is_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder/f")
    for text in ("there was none", "there was one"):
        with replacing(tmp_path / "link") as own:
            own.write_text(text)
        assert (tmp_path / "folder" / "f").read_text() == text
    assert [each.name for each in (tmp_path / "folder").iterdir()] == ["f"]
    assert (tmp_path / "link").is_symlink()


@pytest.mark.skipif(os.name == "nt", reason="Windows has neither")
def test_what_no_file_can_take_the_place_of_is_written_into(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/null")):
        assert not is_replaced(path)
        with replacing(path) as own:
            assert own == path
    assert list(tmp_path.iterdir()) == [pipe]
