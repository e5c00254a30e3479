"""Recording who changes a registry, and who made a release, from what, with what."""

from __future__ import annotations

import getpass
import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from tinyai_registry.release._provenance import Account, Git, NoGit, Provenance
from tinyai_registry.release.git import ask, find_git, without_filters
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
        packages=dict(sorted(find_versions((*PACKAGES, plugin)).items())),
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
    git = find_git()
    name = ask(git, Path.cwd(), "config", "user.name").stdout.strip() if git else ""
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


def find_versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Those of ``packages`` that are installed, and in which version."""
    versions = {}
    for package in packages:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue  # a plugin of its own may train without torch
    return versions


def read_git(folder: Path) -> Git | NoGit:
    """The checkout that ``folder`` is in, or why none is known."""
    git = find_git()
    if git is None:
        return NoGit("not installed")
    head = ask(git, folder, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if head.returncode != 0:
        return _explain(ask(git, folder, "rev-parse", "--git-dir"))
    status = ask(git, folder, *without_filters(git, folder), "status", "--porcelain", "--ignore-submodules=dirty")
    return NoGit("failed") if status.returncode != 0 else Git(head.stdout.strip(), bool(status.stdout.strip()))


def _explain(asked: subprocess.CompletedProcess[str]) -> NoGit:
    """Why there is no HEAD, by what git says when it looks for the repository."""
    if asked.returncode == 0:
        return NoGit("no commit")
    if "dubious ownership" in asked.stderr or "unsafe repository" in asked.stderr:
        return NoGit("dubious ownership")
    is_none = "not a git repository" in asked.stderr or "bare repository" in asked.stderr
    return NoGit("no checkout" if is_none else "failed")
