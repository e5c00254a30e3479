"""Recording who changes a registry, and who made a release, from what, with what."""

from __future__ import annotations

import getpass
import platform
import shutil
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from tinyai_registry.release._provenance import Account, Git, Provenance
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
        git=git_state(folder),
        seeds=seeds,
    )


def give_account(folder: Path, reason: str | None = None) -> Account:
    """Who changes the registry in ``folder`` now, from which commit, and why."""
    git = git_state(folder)
    return Account(time=_now(), who=_who(), commit=git.commit if git else None, reason=_public(reason))


def _who() -> str:
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
