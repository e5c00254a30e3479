"""Recording who changes a registry, and who made a release, from what, with what."""

from __future__ import annotations

import getpass
import os
import platform
import shutil
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from tinyai_registry.release._provenance import Account, Git, NoGit, Provenance
from tinyai_registry.text import encodable

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


def collect(
    account: Account, command: str, folder: Path, plugin: str, seeds: tuple[int, ...], cpu_capability: str
) -> Provenance:
    """The provenance of a release that ``account`` tells of, for the registry in ``folder``."""
    return Provenance(
        command=encodable(command),
        reason=account.reason,
        time=account.time,
        python=platform.python_version(),
        packages=dict(sorted(_versions((*PACKAGES, plugin)).items())),
        cpu_capability=cpu_capability,
        git=read_git(folder),
        seeds=seeds,
    )


def give_account(folder: Path, reason: str | None = None) -> Account:
    """Who changes the registry in ``folder`` now, from which commit, and why."""
    git = read_git(folder)
    commit = git.commit if isinstance(git, Git) else None
    return Account(time=_now(), who=_find_name(), commit=commit, reason=_public(reason))


def _find_name() -> str:
    """Who runs this: the name that git knows, else that of the account."""
    git = _find_git()
    name = _ask(git, Path.cwd(), "config", "user.name").stdout.strip() if git else ""
    if name:
        return name
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, in a container
        return "unknown"


def _now() -> str:
    """UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _public(text: str | None) -> str | None:
    """``text`` as it may be published: printable, and with no one's home directory in it."""
    home = Path.home()
    if not text:
        return None
    return encodable(text) if home == Path(home.anchor) else encodable(text).replace(str(home), "~")


def _versions(packages: tuple[str, ...]) -> dict[str, str]:
    versions = {}
    for package in packages:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue  # a plugin of its own may train without torch
    return versions


def read_git(folder: Path) -> Git | NoGit:
    """The checkout that ``folder`` is in, or why none is known."""
    git = _find_git()
    if git is None:
        return NoGit("not installed")
    head = _ask(git, folder, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if head.returncode != 0:
        return _explain(_ask(git, folder, "rev-parse", "--git-dir"))
    status = _ask(git, folder, *_without_filters(git, folder), "status", "--porcelain", "--ignore-submodules=dirty")
    return NoGit("failed") if status.returncode != 0 else Git(head.stdout.strip(), bool(status.stdout.strip()))


def _explain(asked: subprocess.CompletedProcess[str]) -> NoGit:
    """Why there is no HEAD, by what git says when it looks for the repository."""
    if asked.returncode == 0:
        return NoGit("no commit")
    if "dubious ownership" in asked.stderr or "unsafe repository" in asked.stderr:
        return NoGit("dubious ownership")
    is_none = "not a git repository" in asked.stderr or "bare repository" in asked.stderr
    return NoGit("no checkout" if is_none else "failed")


def _find_git() -> str | None:
    """Git by its whole path; one that lies in the working directory is somebody's file, and no program of ours."""
    found = shutil.which("git")
    return found if found and Path(found).is_absolute() and Path(found).parent != Path.cwd() else None


# Git runs programs that the configuration of a repository names, and takes a folder with the right files in it for a
# repository. We only read, and run nothing that came with what we read.
_SETTINGS = ("core.fsmonitor=", f"core.hooksPath={os.devnull}", "safe.bareRepository=explicit")
_ENVIRONMENT = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
# Of git's own variables, those that say where its settings and its limits are. Others may name another repository.
_KEPT = ("GIT_CONFIG_GLOBAL", "GIT_CEILING_DIRECTORIES", "GIT_DISCOVERY_ACROSS_FILESYSTEM")


def _ask(git: str, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name in _KEPT}
    return subprocess.run(
        [git, "--no-pager", "--no-optional-locks", *_set(_SETTINGS), "-C", str(folder), *words],
        env={**own, **_ENVIRONMENT},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


def _without_filters(git: str, folder: Path) -> list[str]:
    """Settings that take the place of the filters, which are programs, that the repository itself configures."""
    asked = _ask(git, folder, "config", "--show-scope", "--name-only", "-z", "--get-regexp", r"^filter\.")
    words = asked.stdout.split("\0")
    named = [name for scope, name in zip(words[::2], words[1::2], strict=False) if scope in {"local", "worktree"}]
    return _set(f"{name}=" for name in named)


def _set(settings: Iterable[str]) -> list[str]:
    return [word for setting in settings for word in ("-c", setting)]
