"""The bytes of a table's files, and their digest. Imports nothing heavy: an up-to-date release needs no more."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tinyai_registry import files
from tinyai_registry.documents.url import copied, without_secrets
from tinyai_registry.errors import TableError
from tinyai_registry.evaluation import DataSet
from tinyai_registry.evaluation.progress import Progress
from tinyai_registry.files import FileProblemError, is_lfs_pointer, read_bytes, sha256_of

# A table of this size has ten million rows; a larger one is not read into memory to find out what it is.
MAX_FILE_BYTES = 2**31

# A file whose columns alone are read need not fit into memory.
MAX_STREAMED_BYTES = 2**36

# The formats in which rows are written.
ENDINGS = (".parquet", ".csv", ".json")


def read_file(path: Path) -> bytes:
    """What the file holds. Raises TableError if it cannot be read, is too large, or is a Git LFS pointer."""
    with _telling_of(path):
        data = read_bytes(path, MAX_FILE_BYTES)
    _refuse_pointer(path, data)
    return data


def file_digest(path: Path, tell: Callable[[int], None] | None = None) -> str:
    """SHA-256 of the file, in hex; it need not fit into memory. Raises what :func:`read_file` raises.

    ``tell`` is called with the bytes of each piece that has been read.
    """
    with _telling_of(path):
        sha256 = files.digest(path, MAX_STREAMED_BYTES, tell)
        with path.open("rb") as file:
            beginning = file.read(len(files.LFS_POINTER))
    _refuse_pointer(path, beginning)
    return sha256


@contextmanager
def _telling_of(path: Path) -> Iterator[None]:
    try:
        yield
    except FileProblemError as error:
        raise TableError(f"cannot read the table {path}: it {error.what}") from error
    except OSError as error:
        raise TableError(f"cannot read the table {path}: {error.strerror}") from error


def _refuse_pointer(path: Path, data: bytes) -> None:
    if is_lfs_pointer(data):
        raise TableError(f"the table {path} is a Git LFS pointer; run `git lfs pull`")


@contextmanager
def at_hand(data: DataSet) -> Iterator[DataSet]:
    """``data`` as this process can read it, as long as this block.

    Of a copy that another machine has, one is made here. Raises UrlError if what it is a copy of cannot be had.
    """
    with ExitStack() as copies:

        def find(path: Path) -> Path:
            is_elsewhere = path in data.urls and not path.is_file()
            return copies.enter_context(copied(data.urls[path])) if is_elsewhere else path

        yield data.moved(find)


def tell_places(data: DataSet) -> str:
    """Where the files lie, in words: at a path, or behind a URL."""
    return ", ".join(without_secrets(data.urls[path]) if path in data.urls else str(path) for path in data.paths)


def digest(data: DataSet | Path, progress: Progress | None = None) -> str:
    """SHA-256, in hex, of the file, or of what says which files there are. Raises what :func:`file_digest` raises.

    ``progress`` is told how many bytes have been read.
    """
    data = data if isinstance(data, DataSet) else DataSet(data)
    whole, done = sum(path.stat().st_size for path in data.paths if path.is_file()), 0

    def tell(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress.advance(min(done, whole), whole, f"{whole / 1e6:.1f} MB")

    return join_digests(data, [file_digest(path, tell) for path in data.paths])


def join_digests(data: DataSet, digests: Sequence[str]) -> str:
    """The digest of a data set whose files have ``digests``: a file alone has its own.

    Of several it is that of the lines that ``sha256sum`` would write if each file were called like its corpus; each set
    of names that are one source follows, as a line of JSON.
    """
    if isinstance(data.files, Path) and not data.same:
        return digests[0]
    names = list(data.corpora) or [data.file]
    lines = [f"{sha256}  {name}\n" for sha256, name in zip(digests, names, strict=True)]
    return sha256_of("".join((*lines, *(f"{json.dumps(names)}\n" for names in data.same))).encode())


def require_ending(path: Path) -> None:
    """Raise TableError unless the ending of ``path`` says a format that rows are written in."""
    if path.suffix.lower() not in ENDINGS:
        raise TableError(f"cannot write {path}: its name must end in {', '.join(ENDINGS)}")
