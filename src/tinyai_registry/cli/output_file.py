"""A file that the user names for a command to write, beside its answer."""

from __future__ import annotations

import os
from pathlib import Path

from tinyai_registry.errors import TinyaiError
from tinyai_registry.files import explain, is_replaced, replacing


def require_writable(path: Path | None) -> None:
    """Raise TinyaiError now, and not after minutes of work, if ``path`` cannot become a file."""
    if path is None:
        return
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise TinyaiError(f"cannot write {path}: its folder does not exist, or it is one itself")
    needed = [path] if path.exists() else []
    if is_replaced(path):
        needed.append(Path(os.path.realpath(path)).parent)
    if not all(os.access(each, os.W_OK) for each in needed):
        raise TinyaiError(f"cannot write {path}: no right to")


def write(path: Path, text: str) -> None:
    """Write ``text`` into the file ``path``, whole or not at all. Raises TinyaiError if that is impossible."""
    try:
        with replacing(path) as own:
            own.write_text(text, encoding="utf-8")
    except OSError as error:
        raise TinyaiError(f"cannot write {path}: {explain(error)}") from error
