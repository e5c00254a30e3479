"""The few things that the store does to a disk, each of them durable or not done when it returns.

Every change that the store makes goes through these verbs, so that a test can stop the process, fill the disk or
cut the power at each of them.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tinyai_registry.errors import PublishError


def make_folder(folder: Path) -> None:
    """``folder`` and whatever is missing above it; there already is fine."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    try:
        os.mkdir(folder)
    except FileExistsError:
        return  # somebody else was first
    # A folder whose name is lost in a power cut takes everything in it along.
    sync_folder(folder.parent)


def write_new(path: Path, data: bytes) -> None:
    """A new file, its bytes on the disk. Raises PublishError if what is read back is not what was written."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        # Before any name points to it: a rename may reach the disk before the bytes do.
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if path.read_bytes() != data:
        raise PublishError(f"{path.name}: what was written is not what is read back; the registry is unchanged")


def rename(source: Path, target: Path) -> None:
    """``source`` under the name ``target``, in place of what was there; a reader sees one or the other."""
    os.replace(source, target)
    sync_folder(target.parent)


def link_new(source: Path, target: Path) -> None:
    """``source`` under the further name ``target``. Raises FileExistsError if that name is taken."""
    os.link(source, target)
    sync_folder(target.parent)


def discard(path: Path, workplace: Path) -> None:
    """No file at ``path``; none there already is fine.

    It goes by way of ``workplace``, so that who has lost that can no longer remove anything.
    """
    try:
        os.replace(path, workplace / "discarded")
    except FileNotFoundError:
        if path.exists():
            raise
        return
    sync_folder(path.parent)


def remove_folder(folder: Path, *, surely: bool = False) -> None:
    """No folder at ``folder``, if the disk lets us; raises where it has to be ``surely`` gone, and is not.

    What is in it is nobody's by now, so its end need not be durable.
    """
    shutil.rmtree(folder, ignore_errors=True)
    if surely and folder.is_dir():
        shutil.rmtree(folder)


def sync_folder(folder: Path) -> None:
    """The names in ``folder`` on the disk."""
    if os.name == "nt":  # Windows cannot open a folder, and journals its renames
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
