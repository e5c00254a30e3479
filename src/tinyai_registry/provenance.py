"""Who made a release, from what, with what: recorded so that anyone can ask later."""

from __future__ import annotations

import getpass
import platform
import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

PACKAGES = (
    "numpy",
    "onnx",
    "onnxruntime",
    "onnxsim",
    "pandas",
    "pyarrow",
    "scipy",
    "tinyai-registry",
    "torch",
)


@dataclass(frozen=True)
class Git:
    """The commit that was checked out, and whether tracked or untracked files differed from it."""

    commit: str
    dirty: bool


@dataclass(frozen=True)
class Provenance:
    """``command`` has file names in place of paths; ``time`` is UTC, ISO 8601; ``git`` is the registry's checkout."""

    command: str
    reason: str | None
    time: str
    python: str
    packages: dict[str, str]
    git: Git | None
    seeds: tuple[int, ...]


def printable(text: str) -> str:
    """``text`` with question marks for what a file name or an argument has that is not UTF-8."""
    return text.encode(errors="replace").decode()


def collect(command: str, reason: str | None, folder: Path, plugin: str, seeds: tuple[int, ...]) -> Provenance:
    """The provenance of a release that is being made now, for the registry in ``folder``."""
    return Provenance(
        command=printable(command),
        reason=public(reason),
        time=now(),
        python=platform.python_version(),
        packages=dict(sorted(_versions((*PACKAGES, plugin)).items())),
        git=git_state(folder),
        seeds=seeds,
    )


def who() -> str:
    """Who runs this: the name that git knows, else that of the account."""
    git = shutil.which("git")
    if git is not None:
        asked = subprocess.run([git, "config", "user.name"], capture_output=True, text=True, check=False)
        if asked.stdout.strip():
            return asked.stdout.strip()
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, in a container
        return "unknown"


def now() -> str:
    """UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def public(text: str | None) -> str | None:
    """``text`` as it may be published: printable, and with no one's home directory in it."""
    home = Path.home()
    if not text:
        return None
    return printable(text) if home == Path(home.anchor) else printable(text).replace(str(home), "~")


def _versions(packages: tuple[str, ...]) -> dict[str, str]:
    versions = {}
    for package in packages:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue  # a plugin of its own may train without torch
    return versions


def git_state(folder: Path) -> Git | None:
    """The checkout that ``folder`` is in; ``None`` outside one, or without git."""
    git = shutil.which("git")
    if git is None:
        return None

    def ask(*words: str) -> str | None:
        answer = subprocess.run([git, "-C", folder, *words], capture_output=True, text=True, check=False)
        return answer.stdout.strip() if answer.returncode == 0 else None

    commit, status = ask("rev-parse", "HEAD"), ask("status", "--porcelain")
    return Git(commit, bool(status)) if commit is not None and status is not None else None
