"""A registry as a commit has it: read from git's objects, nothing is checked out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tinyai_registry.documents import strict_json
from tinyai_registry.documents.index import INDEX
from tinyai_registry.documents.sidecar_types import Row
from tinyai_registry.errors import DocumentError, RegistryError
from tinyai_registry.files import is_lfs_pointer, sha256_of
from tinyai_registry.release.git import ask, ask_bytes, find_git

# A file, executable or not; a link or a submodule is none.
_FILE_MODES = ("100644", "100755")
_LFS_DIGEST = b"oid sha256:"


@dataclass(frozen=True)
class Base:
    """The files of the registry in ``folder`` at the commit that was called ``ref``: git's ids by their names."""

    git: str
    folder: Path
    ref: str
    blobs: Mapping[str, str]

    def read(self, names: Iterable[str]) -> dict[str, bytes]:
        """What is in those of the files ``names`` that there are. Raises RegistryError where git lacks one."""
        wanted = [name for name in names if name in self.blobs]
        told = "".join(f"{self.blobs[name]}\n" for name in wanted).encode()
        answer = ask_bytes(self.git, self.folder, "cat-file", "--batch", told=told).stdout if wanted else b""
        found, at = {}, 0
        for name in wanted:
            end = answer.find(b"\n", at)
            head = answer[at:end].split()
            if len(head) != 3:  # noqa: PLR2004 - id, "blob", size
                raise RegistryError(f"git has not fetched {name} of {self.ref}; fetch the whole history")
            start = end + 1
            found[name] = answer[start : start + int(head[2])]
            at = start + int(head[2]) + 1
        return found

    def digest(self, name: str) -> str | None:
        """The SHA-256 of the file ``name``, of what Git LFS keeps of it where it does; None where there is none."""
        data = self.read([name]).get(name)
        if data is None:
            return None
        if is_lfs_pointer(data):
            lines = (line.removeprefix(_LFS_DIGEST) for line in data.splitlines() if line.startswith(_LFS_DIGEST))
            return next(lines, b"").decode("ascii", errors="replace")
        return sha256_of(data)

    def rows(self) -> dict[str, Row]:
        """The rows of ``registry.json`` by id; none where it cannot be read."""
        try:
            document = strict_json.loads(self.read([INDEX])[INDEX], INDEX)
            return {row["id"]: row for row in document["models"] if isinstance(row["id"], str)}
        except (DocumentError, KeyError, TypeError):
            return {}


def read_base(folder: Path, ref: str) -> Base:
    """The registry in ``folder`` as the commit ``ref`` of its repository has it; without files where it has none.

    Raises RegistryError if git is not installed, ``folder`` lies in no repository, or ``ref`` is no commit of it.
    """
    git = find_git()
    if git is None:
        raise RegistryError("--since needs git, which is not installed")
    if not folder.is_dir():
        raise RegistryError(f"{folder} is no folder")
    if ask(git, folder, "rev-parse", "--git-dir").returncode != 0:
        raise RegistryError(f"{folder} lies in no git repository that can be read, so there is nothing to hold it to")
    commit = "" if ref.startswith("-") else _commit(git, folder, ref)
    if not commit:
        raise RegistryError(
            f"{ref!a} is no commit of the repository that {folder} lies in; fetch it (`fetch-depth: 0` in a workflow)"
        )
    listed = ask(git, folder, "ls-tree", "-r", "-z", commit)
    if listed.returncode != 0:
        raise RegistryError(f"git cannot list the files of {ref!a}: {listed.stderr.strip()}")
    return Base(git, folder, ref, dict(_blobs(listed.stdout)))


def _commit(git: str, folder: Path, ref: str) -> str:
    return ask(git, folder, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}").stdout.strip()


def _blobs(listed: str) -> Iterable[tuple[str, str]]:
    for line in filter(None, listed.split("\0")):
        about, _, name = line.partition("\t")
        mode, _, blob = about.split(" ")
        if mode in _FILE_MODES:
            yield name, blob
