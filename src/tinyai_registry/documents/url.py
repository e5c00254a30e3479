"""What lies behind a URL: fsspec reads it, and makes a copy here where somebody needs a path."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

from tinyai_registry.errors import TinyaiError

# As large as a table that is read by columns.
MAX_BYTES = 2**36
BLOCK = 2**20

# How the folders begin that copies lie in.
PREFIX = "tinyai-"

_ONE_AT_A_TIME = threading.Lock()
_PLACE = re.compile(r"://((?:(?!::)[^?])*)")
_WHO_MAY = re.compile(r"(?<=//)[^/@]*@|\?.*?(?=::|$)")


class UrlError(TinyaiError):
    """What lies behind a URL cannot be had; ``what`` says why, in words that follow its name."""

    def __init__(self, url: str, what: str) -> None:
        super().__init__(without_secrets(url), what)  # as a process that is told of it makes it again
        self.what = what

    def __str__(self) -> str:
        return " ".join(self.args)


def is_url(location: str) -> bool:
    """Whether ``location`` is for fsspec: ``s3://…``, ``https://…``, ``zip://a.parquet::file://…``."""
    return "://" in location


def without_secrets(url: str) -> str:
    """``url`` without user, password and query, which may say who may read it.

    >>> without_secrets("zip://a.parquet::https://me:word@host/all.zip?signature=1")
    'zip://a.parquet::https://host/all.zip'
    """
    return _WHO_MAY.sub("", url)


def name_of(location: str) -> str:
    """The last part of a path or URL, which is what may be published of it.

    >>> [name_of(each) for each in ("a/b.csv", "s3://bucket/a/c.parquet", "zip://in/d.parquet::https://host/all.zip")]
    ['b.csv', 'c.parquet', 'd.parquet']
    """
    if not is_url(location):
        return Path(location).name
    first = next(part for part in without_secrets(location).split("::") if "://" in part)
    name = PurePosixPath(first.partition("://")[2]).name
    return name if name not in {"", ".", ".."} else "file"


def beside(url: str, ending: str) -> str:
    """The URL of the file whose name is that of ``url`` with ``ending`` behind it.

    >>> beside("zip://in/a.parquet::https://host/all.zip?signature=1", ".json")
    'zip://in/a.parquet.json::https://host/all.zip?signature=1'
    """
    return _PLACE.sub(lambda found: found[0] + ending, url, count=1)


def folder_of(location: str) -> str:
    """Where the file at a path or URL lies.

    >>> [folder_of(each) for each in ("a/b.csv", "b.csv", "s3://bucket/b.csv", "zip://in/b.csv::file:///all.zip")]
    ['a', '.', 's3://bucket', 'zip://in::file:///all.zip']
    """
    if not is_url(location):
        return str(Path(location).parent)
    return _PLACE.sub(lambda found: f"://{found[1].rpartition('/')[0]}", location, count=1)


def read(url: str, limit: int) -> bytes:
    """What lies there, of at most ``limit`` bytes. Raises UrlError."""
    with _opened(url) as source:
        data: bytes = source.read(limit + 1)
        _require_size(url, len(data), limit)
        return data


def fetch(location: str) -> Path:
    """The file at the path ``location``; of a URL, a copy under its name, the same until this process ends.

    Raises UrlError if it cannot be had.
    """
    if not is_url(location):
        return Path(location)
    with _ONE_AT_A_TIME:
        return _copy(location)


@contextmanager
def copied(url: str) -> Iterator[Path]:
    """A copy of what lies at ``url``, under its name, as long as this block. Raises UrlError if it cannot be had."""
    with TemporaryDirectory(prefix=PREFIX) as folder:
        yield _copy_into(folder, url)


@cache
def _copy(url: str) -> Path:
    return _copy_into(mkdtemp(dir=_folder().name), url)


def _copy_into(folder: str, url: str) -> Path:
    target = Path(folder, name_of(url))
    with _opened(url) as source, target.open("wb") as sink:
        while block := source.read(BLOCK):
            _require_size(url, sink.tell() + len(block), MAX_BYTES)
            sink.write(block)
    return target


@cache
def _folder() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix=PREFIX)  # it is removed when this process ends


def _require_size(url: str, size: int, limit: int) -> None:
    if size > limit:
        raise UrlError(url, f"has more than {limit} bytes, the most that can be read")


@contextmanager
def _opened(url: str) -> Iterator[Any]:
    try:
        fsspec = import_module("fsspec")
    except ModuleNotFoundError as error:
        raise UrlError(url, "is a URL, which needs fsspec: pip install 'tinyai-registry[dask]'") from error
    try:
        with fsspec.open(url, "rb") as source:
            yield source
    except UrlError:
        raise
    except FileNotFoundError as error:
        raise UrlError(url, "cannot be fetched: it is not there") from error
    except Exception as error:  # each of its file systems has errors of its own
        first = _hide(str(error).strip().partition("\n")[0], url)
        raise UrlError(url, f"cannot be fetched: {first} ({type(error).__name__})") from error


def _hide(message: str, url: str) -> str:
    """``message`` without what ``url`` has of secrets."""
    for secret in _WHO_MAY.findall(url):
        message = message.replace(secret, "")
    return message
