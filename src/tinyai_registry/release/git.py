"""Asking git, and running nothing that came with the repository that it is asked about."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

# Git runs programs that the configuration of a repository names, and takes a folder with the right files in it for a
# repository. We only read, and run nothing that came with what we read.
_SETTINGS = ("core.fsmonitor=", f"core.hooksPath={os.devnull}", "safe.bareRepository=explicit")
# What is not there is not fetched, and no object stands for another.
_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
# Of git's own variables, those that say where its settings and its limits are. Others may name another repository.
_KEPT = ("GIT_CONFIG_GLOBAL", "GIT_CEILING_DIRECTORIES", "GIT_DISCOVERY_ACROSS_FILESYSTEM")


def find_git() -> str | None:
    """Git by its whole path; one that lies in the working directory is somebody's file, and no program of ours."""
    found = shutil.which("git")
    return found if found and Path(found).is_absolute() and Path(found).parent != Path.cwd() else None


def ask(git: str, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """What ``git`` answers in ``folder``, as text."""
    asked = ask_bytes(git, folder, *words)
    out, err = (each.decode("utf-8", errors="replace") for each in (asked.stdout, asked.stderr))
    return subprocess.CompletedProcess(asked.args, asked.returncode, out, err)


def ask_bytes(git: str, folder: Path, *words: str, told: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """What ``git`` answers in ``folder``, as bytes, when it is ``told`` so much on its standard input."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name in _KEPT}
    return subprocess.run(
        [git, "--no-pager", "--no-optional-locks", *_set(_SETTINGS), "-C", str(folder), *words],
        env={**own, **_ENVIRONMENT},
        input=told,
        capture_output=True,
        check=False,
    )


def without_filters(git: str, folder: Path) -> list[str]:
    """Settings that take the place of the filters, which are programs, that the repository itself configures."""
    asked = ask(git, folder, "config", "--show-scope", "--name-only", "-z", "--get-regexp", r"^filter\.")
    words = asked.stdout.split("\0")
    named = [name for scope, name in zip(words[::2], words[1::2], strict=False) if scope in {"local", "worktree"}]
    return _set(f"{name}=" for name in named)


def _set(settings: Iterable[str]) -> list[str]:
    return [word for setting in settings for word in ("-c", setting)]
