"""The few things that the store does to a disk, each of them durable or not done when it returns.

Every change that the store makes goes through these verbs, so that a test can stop the process, fill the disk or
cut the power at each of them.

A registry may be shared: what is made here takes mode and group of what it replaces, else those of the folder that it
is made in, whatever the umask, and so in the end those of the registry folder.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tinyai_registry.errors import PublishError
from tinyai_registry.files import FileProblemError, Problem, read_bytes


@dataclass(frozen=True)
class Access:
    """Who may do what with a file or a folder."""

    mode: int
    group: int


def make_lock(path: Path) -> None:
    """An empty file to lock, at ``path``; there already is fine."""
    access = _inherit(path.parent, 0o666)
    with suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, access.mode)
        try:
            _grant(descriptor, access)
        finally:
            os.close(descriptor)


def make_folder(folder: Path, root: Path) -> None:
    """``folder`` and whatever is missing between it and ``root``, which is there."""
    if folder == root or os.access(folder, os.W_OK | os.X_OK):
        return
    make_folder(folder.parent, root)
    access = _inherit(folder.parent, 0o3777)
    with suppress(FileExistsError):
        _mkdir(folder, access.mode)
        _grant(folder, access)
        # A folder whose name is lost in a power cut takes everything in it along.
        sync_folder(folder.parent)
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        _remove_closed(folder)
        make_folder(folder, root)


def stage(path: Path, data: bytes, replaced: Path | None = None) -> None:
    """A new file at ``path`` in our own workplace, its bytes on the disk; it is to take the place of ``replaced``.

    Raises PublishError if what is read back is not what was written, FileNotFoundError if our workplace was taken away.
    """
    path.unlink(missing_ok=True)  # an attempt that failed may have left one
    access = _keep(replaced) or _inherit(path.parent, 0o666)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, access.mode)
    try:
        _grant(descriptor, access)
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        # Before any name points to it: a rename may reach the disk before the bytes do.
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if _read_back(path, len(data)) != data:
        raise PublishError(f"{path.name}: what was written is not what is read back; the registry is unchanged")


def _read_back(path: Path, size: int) -> bytes:
    try:
        return read_bytes(path, size)
    except FileProblemError as error:
        if error.problem is Problem.MISSING:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from error
        raise


def rename(source: Path, target: Path) -> None:
    """``source`` under the name ``target``, in place of what was there; a reader sees one or the other."""
    os.replace(source, target)
    sync_folder(target.parent)


def link_new(source: Path, target: Path) -> None:
    """``source`` under the further name ``target``. Raises FileExistsError if that name is taken."""
    os.link(source, target)
    sync_folder(target.parent)


def discard(path: Path, workplace: Path) -> None:
    """No file at ``path``; none there already is fine, and what is no file, and so not ours, stays.

    The file goes by way of ``workplace``, so a writer that has lost its workplace cannot delete anything.
    """
    if path.exists() and not path.is_file():
        return
    try:
        os.replace(path, workplace / "discarded")
    except FileNotFoundError:
        if path.exists():
            raise
        return
    sync_folder(path.parent)


def take_folder(folder: Path, target: Path) -> None:
    """No folder at ``folder`` any more, nor anything of what was in it; it goes by way of ``target``.

    Raises FileNotFoundError if it is gone already.
    """
    try:
        rename(folder, target)
    except PermissionError:
        _remove_closed(folder)
        return
    # Emptied, as a call of its owner's may have found the folder before the rename, and the file in it not yet.
    remove_folder(target)


def remove_folder(folder: Path) -> None:
    """No folder at ``folder``; none there already is fine.

    What is in it is nobody's by now, so its end need not be durable.
    """
    try:
        shutil.rmtree(folder, ignore_errors=True)
        if folder.is_dir():
            shutil.rmtree(folder)
    except RecursionError as error:
        raise OSError(errno.ELOOP, "has folders nested more deeply than anyone made here", str(folder)) from error


def sync_folder(folder: Path) -> None:
    """The names in ``folder`` on the disk."""
    if os.name == "nt":  # Windows cannot open a folder, and journals its renames
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _mkdir(folder: Path, mode: int) -> None:
    """As ``os.mkdir``, whatever the umask: were the mode given afterwards, who dies in between shuts the others out."""
    umask = os.umask(0)
    try:
        os.mkdir(folder, mode & 0o777)
    finally:
        os.umask(umask)


def _remove_closed(folder: Path) -> None:
    """Remove a folder that we may not change, if it is empty: whoever made it died before giving it to our group.

    Raises PermissionError if it is not empty, and so is somebody's own on purpose.
    """
    try:
        os.rmdir(folder)
    except OSError as error:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder)) from error


def _keep(replaced: Path | None) -> Access | None:
    """That of the file at ``replaced``, if there is one; a link has none of its own."""
    if replaced is None:
        return None
    try:
        about = os.lstat(replaced)
    except FileNotFoundError:
        return None
    return Access(stat.S_IMODE(about.st_mode) & 0o777, about.st_gid) if stat.S_ISREG(about.st_mode) else None


def _inherit(folder: Path, bits: int) -> Access:
    """That of ``folder``, as far as ``bits`` go; in one with the sticky bit, nobody else may change our files."""
    about = os.stat(folder)
    mode = stat.S_IMODE(about.st_mode) & bits
    return Access(mode & 0o755 if about.st_mode & stat.S_ISVTX else mode, about.st_gid)


def _grant(made: Path | int, access: Access) -> None:
    """Give what we just made, a folder or an open file, the mode and group that the umask may have kept from it."""
    if os.name == "nt":  # access is a matter of lists there, which are inherited
        return
    about = os.stat(made)
    if about.st_gid != access.group:
        with suppress(PermissionError):  # a group that we are not in
            os.chown(made, -1, access.group)
    if stat.S_IMODE(about.st_mode) != access.mode:
        os.chmod(made, access.mode)
