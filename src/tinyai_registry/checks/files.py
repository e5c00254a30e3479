"""What can be wrong with the files that a registry names, and with those that it does not."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath

from tinyai_registry.checks.finding import Finding, Flaw, Rule, Severity
from tinyai_registry.release import sha256_of

OUTSIDE = Rule(
    "TAI201",
    Severity.ERROR,
    "a path leads out of the registry folder",
    "Whoever fetches or serves the registry reads or writes the file that a row names. With `..`, an absolute path, a "
    "drive letter or a link, a row can make them read any file of their machine.",
    "Put the file into the registry folder and name it relative to that, with forward slashes.",
)
MISSING = Rule(
    "TAI202",
    Severity.ERROR,
    "a file is named but missing",
    "The registry promises a file that a consumer will not find. It was not committed, was renamed, or lies outside "
    "what is published (a large-file pointer that was never fetched looks like this too).",
    "Restore the file, or remove what names it. `tinyai rollback` brings back a release that is whole.",
)
DIGEST = Rule(
    "TAI203",
    Severity.ERROR,
    "a file does not have the digest that it was pinned with",
    "The digest says which bytes were judged. Other bytes are another model, whoever wrote them and why.",
    "Restore the file from git, or publish again with `tinyai refresh`; never edit the digest to fit.",
)
NOT_REGULAR = Rule(
    "TAI204",
    Severity.ERROR,
    "a file is not a regular, readable file",
    "A folder, a pipe or a device under a model's name makes loaders fail or wait for ever; an unreadable file cannot "
    "be checked by anyone.",
    "Put a regular file with the right permissions there.",
)
LINK = Rule(
    "TAI205",
    Severity.ERROR,
    "a file is linked to a place outside the registry folder",
    "Through a symbolic or hard link, whoever can write the other place changes the model without touching the "
    "registry, and a checkout or a copy elsewhere finds nothing or something else.",
    "Replace the link by a copy of the file.",
)
SIZE = Rule(
    "TAI206",
    Severity.ERROR,
    "a file is empty or larger than the runtime loads",
    "The target runtime refuses such a file, and a reader that did not would let anyone fill its memory.",
    "Publish a file within the limit.",
)
ORPHAN_MODEL = Rule(
    "TAI207",
    Severity.ERROR,
    "an ONNX file belongs to no row",
    "Nothing pins its bytes or says what it is, yet it lies where loaders look for models: it can be loaded by name, "
    "and nobody would notice if it changed.",
    "Remove the file, or add its row (`tinyai refresh` does).",
)
ORPHAN_DATA = Rule(
    "TAI208",
    Severity.ERROR,
    "a data file belongs to no graph",
    "It is a leftover: the weights that it holds are no longer read by any registered graph. It misleads whoever "
    "looks for the weights, and an old graph brought back would read it unchecked.",
    "Remove the file.",
)
ORPHAN_DOCUMENT = Rule(
    "TAI209",
    Severity.WARNING,
    "a JSON file belongs to no row",
    "It looks like the sidecar of a model that was removed or renamed; readers that list sidecars take it for a model.",
    "Remove the file, or restore the row that it belonged to.",
)
NO_SIDECAR = Rule(
    "TAI210",
    Severity.ERROR,
    "a model has no sidecar",
    "Without <stem>.json beside the ONNX file nobody knows how to call the model or how it was judged; the target "
    "runtime falls back to defaults.",
    "Restore the sidecar, or publish the model with `tinyai refresh`.",
)

MAX_NAME = 255
MAX_SHOWN = 128
# Ours, or a schema's, a signature's: JSON that is no sidecar.
_NO_SIDECAR = re.compile(r"(^|/)registry\.json\Z|\.schema\.json\Z|\.sigstore\.json\Z")


@dataclass(frozen=True)
class File:
    """A file that a document names, as it was read: its bytes, or what is wrong with it."""

    name: str
    data: bytes | None = None
    flaws: tuple[Flaw, ...] = ()

    @cached_property
    def sha256(self) -> str | None:
        """Of the very bytes that are in ``data``."""
        return None if self.data is None else sha256_of(self.data)


@dataclass(frozen=True)
class Folder:
    """A registry folder, from which files are read by name, each once, and never from outside it."""

    root: Path

    @cached_property
    def resolved(self) -> Path:
        """Without links."""
        return self.root.resolve()

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every file in it and below, hidden ones left out, relative and with forward slashes, sorted."""
        return tuple(sorted(_walk(self.root, "")))

    @cached_property
    def inodes(self) -> Counter[int]:
        """How often each file lies in it."""
        return Counter((self.root / name).lstat().st_ino for name in self.names)

    def fetch(self, name: str, limit: int) -> File:
        """The file ``name``, of at most ``limit`` bytes."""
        stray = strays(name)
        if stray:
            return File(name, flaws=(Flaw(OUTSIDE, f"the path {shown(name)} {stray}"),))
        try:
            return self._read(name, limit)
        except (OSError, ValueError, RuntimeError) as error:
            why = (error.strerror if isinstance(error, OSError) else None) or str(error)
            return File(name, flaws=(Flaw(NOT_REGULAR, f"{shown(name)} cannot be read: {why}"),))

    def _read(self, name: str, limit: int) -> File:
        path = self.root / name
        try:
            # A pipe that nobody writes to would keep an ordinary open waiting.
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                raise
            rule, what = (LINK, "is a link to nowhere") if path.is_symlink() else (MISSING, "is missing")
            return File(name, flaws=(Flaw(rule, f"{shown(name)} {what}"),))
        with os.fdopen(descriptor, "rb") as file:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode):
                return File(name, flaws=(Flaw(NOT_REGULAR, f"{shown(name)} is not a regular file"),))
            if not path.resolve().is_relative_to(self.resolved):
                return File(name, flaws=(Flaw(LINK, f"{shown(name)} is a link that leads out of the registry folder"),))
            data = file.read(limit + 1)
        if not 0 < len(data) <= limit:
            size = f"{about.st_size} bytes; 1 to {limit} can be read"
            return File(name, None if data else b"", (Flaw(SIZE, f"{shown(name)} has {size}"),))
        return File(name, data, tuple(self._hard_links(name, about)))

    def _hard_links(self, name: str, about: os.stat_result) -> Iterator[Flaw]:
        if about.st_nlink > 1 and self.inodes[about.st_ino] < about.st_nlink:
            yield Flaw(LINK, f"{shown(name)} has a hard link outside the registry folder")


def strays(name: str) -> str | None:
    """Why the path ``name`` does not lie inside the folder that it is relative to, by its spelling alone."""
    parts = name.split("/")
    if not name or any(part in ("", ".") for part in parts):
        return "is no plain relative path"
    if ".." in parts:
        return "leads out of the registry folder (..)"
    if PurePosixPath(name).is_absolute() or PureWindowsPath(name).drive or PureWindowsPath(name).root:
        return "is absolute"
    if "\\" in name or any(ord(character) < ord(" ") for character in name):
        return "has a backslash or a control character"
    if any(len(part.encode(errors="replace")) > MAX_NAME for part in parts):
        return "is too long"
    return None


def shown(name: str) -> str:
    """``name`` for a message: short, and without characters that a terminal would act on."""
    text = ascii(name[:MAX_SHOWN])[1:-1]
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def orphans(folder: Folder, claimed: Collection[str]) -> Iterator[Finding]:
    """The files that look like a model's and are none's: ``claimed`` are those that rows and sidecars speak of."""
    for name in folder.names:
        if name in claimed:
            continue
        ending = name.lower()  # some file systems do not tell them apart
        if ending.endswith(".onnx"):
            yield Finding(ORPHAN_MODEL, name, f"{shown(name)} is named by no row")
        elif ending.endswith((".onnx.data", ".onnx_data", ".data")):
            yield Finding(ORPHAN_DATA, name, f"{shown(name)} is read by no registered graph")
        elif ending.endswith(".json") and not _NO_SIDECAR.search(name):
            yield Finding(ORPHAN_DOCUMENT, name, f"{shown(name)} is the sidecar of no registered model")


def _walk(folder: Path, prefix: str) -> Iterator[str]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return  # what cannot be listed cannot be loaded from either; a named file in it is found missing
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), f"{prefix}{entry.name}/")
        else:
            yield f"{prefix}{entry.name}"
