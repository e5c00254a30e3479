"""What lies behind a URL: read, or copied here for as long as the process lives, and told of without secrets."""

from __future__ import annotations

import pickle
import sys
import zipfile

import pytest

from tinyai_registry.documents import url

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def memory():
    """A file system of fsspec's that is all in memory."""
    files = fsspec.filesystem("memory")
    yield files
    files.store.clear()


def test_a_path_is_its_own_copy(tmp_path):
    assert url.fetch(str(tmp_path / "a.parquet")) == tmp_path / "a.parquet"


def test_a_url_is_copied_once_under_its_name(memory):
    memory.pipe("/once/features.parquet", b"one")
    here = url.fetch("memory://once/features.parquet")
    memory.pipe("/once/features.parquet", b"two")
    assert (here.name, here.read_bytes()) == ("features.parquet", b"one")
    assert url.fetch("memory://once/features.parquet") == here


def test_a_file_in_an_archive_is_a_url_too(tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("in/a.csv", "x")
    where = f"zip://in/a.csv::{(tmp_path / 'all.zip').as_uri()}"
    assert (url.read(where, 10), url.fetch(where).name) == (b"x", "a.csv")


@pytest.mark.parametrize(
    ("where", "why"),
    [
        ("memory://nobody/a.parquet", "cannot be fetched: it is not there"),
        ("nosuch://a/b.parquet", "cannot be fetched: Protocol not known: nosuch (ValueError)"),
        ("file:///", "cannot be fetched: [Errno 21] Is a directory: '/' (IsADirectoryError)"),
        ("zip://a.csv::memory://nobody.zip", "cannot be fetched: it is not there"),
    ],
)
def test_what_cannot_be_had_is_one_line(where, why):
    with pytest.raises(url.UrlError) as refused:
        url.fetch(where)
    assert str(refused.value) == f"{where} {why}"


def test_a_file_beyond_the_limit_is_refused(memory, monkeypatch):
    memory.pipe("/large.bin", b"12345")
    monkeypatch.setattr(url, "MAX_BYTES", 4)
    for have in (url.fetch, lambda where: url.read(where, 4)):
        with pytest.raises(url.UrlError, match="has more than 4 bytes"):
            have("memory://large.bin")


def test_without_fsspec_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(url.UrlError, match=r"memory://a\.csv is a URL, which needs fsspec: pip install .*\[dask\]"):
        url.fetch("memory://a.csv")


def test_no_message_tells_who_may_read(monkeypatch):
    secret = "https://me:word@host/a.parquet?signature=1"

    def refuse(where, _mode):
        raise PermissionError(f"403, url={where}")

    monkeypatch.setattr(fsspec, "open", refuse)
    with pytest.raises(url.UrlError) as refused:
        url.fetch(secret)
    bare = "https://host/a.parquet"
    assert str(refused.value) == f"{bare} cannot be fetched: 403, url={bare} (PermissionError)"
    told = pickle.loads(pickle.dumps(refused.value))  # as a worker tells it
    assert (str(told), told.what) == (str(refused.value), refused.value.what)
    assert "word" not in repr(told)


@pytest.mark.parametrize("where", ["https://host", "https://host/..", "https://host/a/?x=/b.csv", "memory://"])
def test_what_has_no_name_gets_one(where):
    assert url.name_of(where) not in {"", ".", "..", "b.csv"}
