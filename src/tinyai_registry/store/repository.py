"""Where in a version-controlled repository a registry lies: what a code host calls the path of its files."""

from __future__ import annotations

import os
from pathlib import Path


def top(folder: Path) -> Path:
    """The nearest folder at or above ``folder`` that holds ``.git``; the working directory if there is none."""
    here = folder.resolve()
    return next((each for each in (here, *here.parents) if (each / ".git").exists()), Path.cwd().resolve())


def within(folder: Path, above: Path) -> str:
    """The path from ``above`` to ``folder``, with forward slashes; all of it where they share no drive."""
    try:
        return Path(os.path.relpath(folder.resolve(), above.resolve())).as_posix()
    except ValueError:
        return folder.resolve().as_posix()
