"""Where in a version-controlled repository a registry lies: what a code host calls the path of its files."""

from __future__ import annotations

import os
from pathlib import Path


def find_top(folder: Path) -> Path | None:
    """The nearest folder at or above ``folder`` that holds ``.git``."""
    here = folder.resolve()
    return next((each for each in (here, *here.parents) if (each / ".git").exists()), None)


def top(folder: Path) -> Path:
    """The top of the repository that ``folder`` lies in; the working directory where it lies in none."""
    return find_top(folder) or Path.cwd().resolve()


def within(folder: Path, above: Path) -> str:
    """The path from ``above`` to ``folder``, with forward slashes; all of it where they share no drive."""
    try:
        return Path(os.path.relpath(folder.resolve(), above.resolve())).as_posix()
    except ValueError:
        return folder.resolve().as_posix()
