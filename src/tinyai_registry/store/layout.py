"""Where the store keeps its own files: ``.tinyai`` inside the registry folder.

``log/<model>/<number>.json`` is history, and belongs into git. ``objects/<model>/<sha256>`` are the files of the last
releases, ``pending/<model>.<unique>/`` what a publish is working on; both stay out of git.
"""

from __future__ import annotations

import uuid
from pathlib import Path

from tinyai_registry.errors import RegistryError
from tinyai_registry.files import strays

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


def pending(root: Path) -> list[Path]:
    """The folders in it; what else may be there (a file browser's) is not ours."""
    folder = pending_folder(root)
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def new_pending(root: Path, model: str) -> Path:
    """Where another of them may be made, for ``model``. Raises RegistryError if that is no word for a folder."""
    if "/" in model or strays(model):
        raise RegistryError(f"{model!a} is no id of a model")
    return pending_folder(root) / f"{model}.{uuid.uuid4().hex}"


def model_of(pending: Path) -> str:
    """Whom a pending folder is for."""
    return pending.name.partition(".")[0]


def folders(root: Path, model: str) -> list[Path]:
    """Those that the history and the objects of ``model`` hang from, outermost first, as far as they exist."""
    log, objects = log_folder(root, model), object_file(root, model, "x").parent
    chain = (root, root / FOLDER, log.parent, objects.parent, log, objects)
    return [folder for folder in chain if folder.is_dir()]


def lock_file(root: Path) -> Path:
    """What writers lock for courtesy."""
    return root / FOLDER / "lock"


def ignore_file(root: Path) -> Path:
    """What keeps git from the store."""
    return root / FOLDER / ".gitignore"
