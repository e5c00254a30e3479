"""Writing a catalogue into a folder, whole, and only where nothing else lies."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path

from tinyai_registry.errors import TinyaiError
from tinyai_registry.files import explain

# Says that the folder is a catalogue of ours, and may be replaced.
MARK = ".tinyai-site"


def write(pages: Iterable[tuple[str, bytes]], out: Path) -> None:
    """Put ``pages`` into the folder ``out``, in place of an earlier catalogue.

    Raises TinyaiError if something else lies there, or it cannot be written.
    """
    if os.path.lexists(out) and not _is_ours(out):
        raise TinyaiError(f"{out} is no catalogue that `tinyai site` made; choose a folder that is empty or new")
    new = out.parent / f".{out.name}.{uuid.uuid4().hex}"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        new.mkdir()
        (new / MARK).touch()
        for name, data in pages:
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).write_bytes(data)
        old = new.with_name(f"{new.name}.old")
        if out.exists():
            out.rename(old)
        new.rename(out)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise TinyaiError(f"cannot write {out}: {explain(error)}") from error
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _is_ours(out: Path) -> bool:
    return out.is_dir() and not out.is_symlink() and ((out / MARK).is_file() or not any(out.iterdir()))
