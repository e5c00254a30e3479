"""Files: paths that stay inside their folder, bounded reads of regular files, digests, and what is written whole."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from pathlib import Path, PureWindowsPath

MAX_NAME = 255

LFS_POINTER = b"version https://git-lfs.github.com/spec/"

# No file of a release is larger: protobuf ends there, and so does what a reader may be made to hold in memory.
MAX_BYTES = 2**31

# What a release's file may be called, in the pattern of log-entry.schema.json: no component is empty, hidden, or ends
# in what Windows drops; it is ASCII, for file systems skip, fold and compose other characters, each in its own way;
# nothing in it has a meaning of its own (``git~1`` is ``.git``); no release brings its own index; and it ends like a
# graph, a document or weights: nothing that a tool would run, or be set up by.
RELEASE_FILE = (
    r"^(?=.*\.(onnx|json|md|svg|data|onnx_data|bin|weights?|bias|pb)$)"
    r"(?![Rr][Ee][Gg][Ii][Ss][Tt][Rr][Yy]\.[Jj][Ss][Oo][Nn]$)(?!(.*/)?[. /])(?!.*([. ]/|[. /]$))"
    r"[ !#-)+-9;=@-\[\]-{}]+$"
)
MAX_RELEASE_FILE = 256


def sha256_of(data: bytes) -> str:
    """In hex, as every document of ours writes a digest."""
    return hashlib.sha256(data).hexdigest()


class Problem(Enum):
    """Why a file cannot be had."""

    OUTSIDE = "its path leads out of the folder"
    MISSING = "it is not there"
    NOT_REGULAR = "it is no regular, readable file"
    LINKED = "it is a link to nowhere, or out of the folder"
    SIZE = "it is too large"
    POINTER = "Git LFS has not fetched it"


def is_lfs_pointer(data: bytes) -> bool:
    """Whether ``data`` is what Git LFS checks out in place of a file that it has not fetched."""
    return data.startswith(LFS_POINTER)


class FileProblemError(OSError):
    """A file cannot be had: in which way, and in words that follow its name."""

    def __init__(self, problem: Problem, what: str) -> None:
        super().__init__(what)
        self.problem = problem
        self.what = what


@dataclass(frozen=True)
class File:
    """A file of a folder, as it was read. ``linked`` says that a hard link to it lies outside that folder."""

    name: str
    data: bytes
    linked: bool = False

    @cached_property
    def sha256(self) -> str:
        """Of the very bytes that are in ``data``."""
        return sha256_of(self.data)


@dataclass(frozen=True)
class Unreadable:
    """A file of a folder that cannot be had, and why: ``what`` follows its name in a sentence."""

    name: str
    problem: Problem
    what: str


@dataclass(frozen=True)
class Folder:
    """A folder from which files are read by name, never from outside it."""

    root: Path

    @cached_property
    def resolved(self) -> Path:
        """Without links."""
        return self.root.resolve()

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every file in it and below but git's own, relative and with forward slashes, sorted."""
        return tuple(sorted(_walk(self.root)))

    @cached_property
    def inodes(self) -> Counter[int]:
        """How often each file lies in it."""
        return Counter(inode for name in self.names if (inode := _inode(self.root / name)) is not None)

    def fetch(self, name: str, limit: int) -> File | Unreadable:
        """The file ``name``, of at most ``limit`` bytes."""
        if stray := strays(name):
            return Unreadable(name, Problem.OUTSIDE, stray)
        try:
            return self._read(name, limit)
        except FileProblemError as error:
            return Unreadable(name, error.problem, error.what)
        except (OSError, ValueError, RuntimeError) as error:
            why = explain(error) if isinstance(error, OSError) else str(error)
            return Unreadable(name, Problem.NOT_REGULAR, f"cannot be read: {why}")

    def _read(self, name: str, limit: int) -> File:
        path = self.root / name
        with _open(path) as (descriptor, about):
            if find_link(self.root, name.split("/")) and not path.resolve().is_relative_to(self.resolved):
                raise FileProblemError(Problem.LINKED, "is a link that leads out of the registry folder")
            data = _read_bounded(descriptor, about, limit)
        if is_lfs_pointer(data):
            raise FileProblemError(Problem.POINTER, "is a Git LFS pointer; run `git lfs pull`")
        linked = about.st_nlink > 1 and self.inodes[about.st_ino] < about.st_nlink
        return File(name, data, linked)


def read_bytes(path: Path, limit: int) -> bytes:
    """What is in the regular file at ``path``, of at most ``limit`` bytes.

    Raises FileProblemError for a file that is missing, too large or no regular file (a pipe, a
    device or a folder would keep a reader waiting), OSError for whatever else the system refuses.
    """
    with _open(path) as (descriptor, about):
        return _read_bounded(descriptor, about, limit)


def digest(path: Path, limit: int, tell: Callable[[int], None] | None = None) -> str:
    """The SHA-256 of the regular file at ``path``, which need not fit into memory. Raises what read_bytes raises.

    ``tell`` is called with the bytes of each piece that has been read.
    """
    with _open(path) as (descriptor, about):
        _require_size(about.st_size, limit)
        sha256, piece = hashlib.sha256(), bytearray(_PIECE)
        with os.fdopen(descriptor, "rb", buffering=0, closefd=False) as file:
            while count := file.readinto(piece):
                sha256.update(memoryview(piece)[:count])
                if tell is not None:
                    tell(count)
        return sha256.hexdigest()


_PIECE = 2**18  # bytes: they stay in the processor's cache


def explain(error: OSError) -> str:
    """What the system, or one of us, has to say of it, without the number and the file name."""
    return error.strerror or str(error)


def is_link(about: os.stat_result) -> bool:
    """Whether what ``os.lstat`` tells of leads elsewhere: a symbolic link, or a junction of Windows."""
    return stat.S_ISLNK(about.st_mode) or (_JUNCTION is not None and getattr(about, "st_reparse_tag", 0) == _JUNCTION)


_JUNCTION = getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", None)


def find_link(root: Path, parts: Iterable[str]) -> Path | None:
    """The first link on the way from ``root``, which may be one itself, down through ``parts``."""
    way = os.fspath(root)
    for part in parts:
        way = os.path.join(way, part)  # noqa: PTH118 - every path of the store passes here; a Path is ten times as slow
        try:
            about = os.lstat(way)
        except (FileNotFoundError, NotADirectoryError):
            return None
        if is_link(about):
            return Path(way)
    return None


def is_release_file(name: str) -> bool:
    """Whether a release may have a file ``name``: inside the folder on every system, in no hidden one, nothing to run.

    >>> [is_release_file(name) for name in ("m.onnx", "m/w.data", ".git/config", "git~1/config.md", "m.json ", "m.py")]
    [True, True, False, False, False, False]
    """
    fits = len(name) <= MAX_RELEASE_FILE and re.search(RELEASE_FILE, name) is not None
    return fits and strays(name) is None


def strays(name: str) -> str | None:
    """Why the path ``name`` does not lie inside the folder that it is relative to, by its spelling alone."""
    parts = name.split("/")
    if not name or any(part in ("", ".") for part in parts):
        return "is no plain relative path"
    if ".." in parts:
        return "leads out of the registry folder (..)"
    if not {":", "\\"}.isdisjoint(name) and (PureWindowsPath(name).drive or PureWindowsPath(name).root):
        return "is absolute"  # elsewhere it begins with a slash, which leaves an empty part
    if "\\" in name or min(name) < " ":
        return "has a backslash or a control character"
    if any(len(part.encode(errors="replace")) > MAX_NAME for part in parts):
        return "is too long"
    return None


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file to write, which takes the place of the one at ``path`` when this block ends, and is gone if it fails.

    So what was there is lost to nothing but a whole file, whose mode is the old one's. Raises OSError.
    """
    if not is_replaced(path):
        yield path
        return
    target = Path(os.path.realpath(path))
    own = target.with_name(f".tinyai-{uuid.uuid4().hex}.tmp")
    try:
        yield own
        if target.exists():
            shutil.copymode(target, own)
        own.replace(target)
    finally:
        own.unlink(missing_ok=True)


def write_new(path: Path, data: bytes) -> None:
    """Put a file of ``data`` on the disk at ``path``, or none. Raises FileExistsError where there is one, OSError."""
    file = path.open("xb")
    try:
        with file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def is_replaced(path: Path) -> bool:
    """Whether another file can take the place of what is at ``path``, or where it leads.

    A pipe or a device is written into, and so is a file that is mounted by itself.
    """
    try:
        about = path.stat()
    except FileNotFoundError:
        return True
    folder = Path(os.path.realpath(path)).parent
    return stat.S_ISREG(about.st_mode) and about.st_dev == folder.stat().st_dev


@contextmanager
def _open(path: Path) -> Iterator[tuple[int, os.stat_result]]:
    try:
        # A pipe that nobody writes to would keep an ordinary open waiting.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (FileNotFoundError, NotADirectoryError) as error:
        if path.is_symlink():
            raise FileProblemError(Problem.LINKED, "is a link to nowhere") from error
        raise FileProblemError(Problem.MISSING, "is missing") from error
    except OSError as error:
        if path.exists() and not path.is_file():  # a socket, or a folder on Windows, cannot even be opened
            what = "is a folder" if path.is_dir() else "is not a regular file"
            raise FileProblemError(Problem.NOT_REGULAR, what) from error
        raise
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            what = "is a folder" if stat.S_ISDIR(about.st_mode) else "is not a regular file"
            raise FileProblemError(Problem.NOT_REGULAR, what)
        yield descriptor, about
    finally:
        os.close(descriptor)


def _read_bounded(descriptor: int, about: os.stat_result, limit: int) -> bytes:
    _require_size(about.st_size, limit)
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        data = file.read(about.st_size + 1)
        if len(data) > about.st_size:  # it grows while we read, or lies under /proc, where no file has a size
            data += file.read(limit + 1 - len(data))
    _require_size(len(data), limit)
    return data


def _require_size(size: int, limit: int) -> None:
    if size > limit:
        raise FileProblemError(Problem.SIZE, f"has {size} bytes; at most {limit} can be read")


def _inode(path: Path) -> int | None:
    try:
        return path.lstat().st_ino
    except OSError:
        return None  # a writer has removed it since the folder was listed


def _walk(root: Path) -> Iterator[str]:
    prefixes = [""]  # not by recursion: folders may be nested more deeply than Python's stack
    while prefixes:
        prefix = prefixes.pop()
        try:
            entries = list(os.scandir(root / prefix))
        except OSError:
            continue  # what cannot be listed cannot be loaded from either; a named file in it is found missing
        for entry in entries:
            name = f"{prefix}{entry.name}"
            if not entry.is_dir(follow_symlinks=False):
                yield name
            elif entry.name != ".git":
                prefixes.append(f"{name}/")
