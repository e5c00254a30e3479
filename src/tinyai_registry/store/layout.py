"""Where the store keeps its own files: ``.tinyai`` inside the registry folder.

``log/<model>/<number>.json`` is history, and belongs into git. ``objects/<model>/<sha256>`` are the files of the last
releases, ``pending/<model>.<unique>/`` what a publish is working on; both stay out of git.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = ".tinyai"

IGNORED = "objects/\npending/\nlock\n"


def log_folder(root: Path, model: str) -> Path:
    """The history of one model."""
    return root / FOLDER / "log" / model


def object_file(root: Path, model: str, sha256: str) -> Path:
    """A file of a release of ``model``, by its digest."""
    return root / FOLDER / "objects" / model / sha256


def pending_folder(root: Path) -> Path:
    """What is being published now, or was when a process died."""
    return root / FOLDER / "pending"


def lock_file(root: Path) -> Path:
    """What writers lock for courtesy."""
    return root / FOLDER / "lock"


def ignore_file(root: Path) -> Path:
    """What keeps git from the store."""
    return root / FOLDER / ".gitignore"
