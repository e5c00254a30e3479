"""A file that the user names for a command to write, beside its answer."""

from __future__ import annotations

import os
from pathlib import Path

from tinyai_registry.errors import TinyaiError


def require_writable(path: Path | None) -> None:
    """Raise TinyaiError now, and not after minutes of work, if ``path`` cannot become a file."""
    if path is None:
        return
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise TinyaiError(f"cannot write {path}: its folder does not exist, or it is one itself")
    if not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
        raise TinyaiError(f"cannot write {path}: no right to")


def write(path: Path, text: str) -> None:
    """Write ``text`` into the file ``path``. Raises TinyaiError if that is impossible."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise TinyaiError(f"cannot write {path}: {error.strerror}") from error
