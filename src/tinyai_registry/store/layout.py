"""Where the store keeps its own files: ``.tinyai`` inside the registry folder.

``log/<model>/<number>.json`` is history, and belongs into git. ``objects/<model>/<sha256>`` are the files of the last
releases, ``pending/<model>.<unique>/`` what a publish is working on; both stay out of git.

A registry may come from anyone, and git carries links. Every path that these functions return leads through real
folders only; if there is a link on the way they raise RegistryError. A file whose name the store would not give is not
the store's: it is neither read nor removed.
"""

from __future__ import annotations

import os
import re
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path

from tinyai_registry.errors import RegistryError
from tinyai_registry.files import find_link, is_link

FOLDER = ".tinyai"

IGNORED = "objects/\npending/\nlock\n"

# Digests are of bytes: git must not change how lines end, neither in the log nor in the files of a release.
LOG_ATTRIBUTES = "* -text\n"
ATTRIBUTES = "*.json -text\n*.md -text\n*.svg -text\n*.onnx binary\n*.data binary\n"

# Beside the entries of a model: names the last one, so that its removal is found.
TIP = "tip.json"

# The store itself, its parts, a model's, a file there.
_DEPTH = 4

_MODEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ENTRY = re.compile(r"[0-9]{8}\.json")
_WORKPLACE = re.compile(rf"({_MODEL.pattern})\.[0-9a-f]{{32}}")


def is_model(name: str) -> bool:
    """Whether ``name`` can be the id of a model that has a history."""
    return _MODEL.fullmatch(name) is not None


def log_folder(root: Path, model: str) -> Path:
    """The history of one model."""
    return _below(root, "log", _require_model(model))


def entry_file(root: Path, model: str, number: int) -> Path:
    """One entry of it."""
    return _below(root, "log", _require_model(model), f"{number:08}.json")


def tip_file(root: Path, model: str) -> Path:
    """What names the last entry of it."""
    return _below(root, "log", _require_model(model), TIP)


def entry_numbers(root: Path, model: str) -> list[int]:
    """The numbers of the entries of ``model``, ascending; none of what has no history."""
    if not is_model(model):
        return []
    return sorted(int(name[:8]) for name in _names(log_folder(root, model)) if _ENTRY.fullmatch(name))


def logged_models(root: Path) -> list[str]:
    """Every model that has a history."""
    folder = _below(root, "log")
    return sorted(name for name in _names(folder) if is_model(name) and _is_folder_or_link(folder / name))


def object_folder(root: Path, model: str) -> Path:
    """The files of the last releases of one model."""
    return _below(root, "objects", _require_model(model))


def object_file(root: Path, model: str, sha256: str) -> Path:
    """One of them, by its digest."""
    if not _SHA256.fullmatch(sha256):
        raise RegistryError(f"{sha256[:80]!a} is no digest")
    return _below(root, "objects", _require_model(model), sha256)


def object_digests(root: Path, model: str) -> list[str]:
    """The digests of all of them."""
    folder = object_folder(root, model)
    return sorted(name for name in _names(folder) if _SHA256.fullmatch(name) and (folder / name).is_file())


def pending_folder(root: Path) -> Path:
    """What is being published now, or was when a process died."""
    return _below(root, "pending")


def workplaces(root: Path) -> list[Path]:
    """The folders in it, one for each writer."""
    folder = pending_folder(root)
    found = (folder / name for name in sorted(_names(folder)) if _WORKPLACE.fullmatch(name))
    return [_below(root, "pending", each.name) for each in found if _is_folder_or_link(each)]


def new_workplace(root: Path, model: str) -> Path:
    """Where another of them may be made, for ``model``."""
    return _below(root, "pending", f"{_require_model(model)}.{uuid.uuid4().hex}")


def model_of(workplace: Path) -> str:
    """Whom one of them is for."""
    return workplace.name.rpartition(".")[0]


def folders(root: Path, model: str) -> list[Path]:
    """Those that the history and the objects of ``model`` hang from, outermost first, as far as they exist."""
    log, objects = log_folder(root, model), object_folder(root, model)
    chain = (root, root / FOLDER, log.parent, objects.parent, log, objects)
    return [folder for folder in chain if folder.is_dir()]


def lock_file(root: Path) -> Path:
    """What writers lock for courtesy."""
    return _below(root, "lock")


def git_files(root: Path) -> dict[Path, str]:
    """What tells git how to treat the store and the files beside it, with what we write where there is nothing."""
    return {
        _below(root, ".gitignore"): IGNORED,
        _below(root, ".gitattributes"): LOG_ATTRIBUTES,
        root / ".gitattributes": ATTRIBUTES,
    }


def find_links(root: Path) -> Iterator[Path]:
    """The links in the store, as deep as it goes: it makes none, and none is followed."""
    level = [root / FOLDER]
    for _ in range(_DEPTH):
        abouts = {path: _about(path) for path in level}
        yield from (path for path, about in abouts.items() if about is not None and is_link(about))
        folders = [path for path, about in abouts.items() if about is not None and stat.S_ISDIR(about.st_mode)]
        level = [folder / name for folder in folders for name in sorted(_names(folder))]


def require_trusted(root: Path, model: str) -> None:
    """Raise RegistryError if a folder of the store belongs to somebody who could not have made it.

    Whoever owns a folder may put a link into it while we write. So we write where its owner is ourselves, the system,
    the owner of the registry, or anyone whom that owner lets write into the registry.
    """
    about = root.stat()
    if about.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or not hasattr(os, "geteuid"):
        return
    trusted = {0, about.st_uid, os.geteuid()}
    for folder in (*folders(root, model), pending_folder(root)):
        if folder.is_dir() and (owner := folder.stat().st_uid) not in trusted:
            raise RegistryError(f"{folder} belongs to another user (uid {owner}), who may not write into {root}")


def _require_model(model: str) -> str:
    if not is_model(model):
        raise RegistryError(f"{model!a} is no id of a model")
    return model


def _below(root: Path, *names: str) -> Path:
    if link := find_link(root, (FOLDER, *names)):
        raise RegistryError(f"{link} is a link, and the store has none; see where it came from, and remove it")
    return root.joinpath(FOLDER, *names)


def _names(folder: Path) -> list[str]:
    """What is in ``folder``; nothing where it is none."""
    try:
        return os.listdir(folder)  # noqa: PTH208 - a thousand histories are looked through; a Path takes longer
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_folder_or_link(path: Path) -> bool:
    about = _about(path)
    return about is not None and (stat.S_ISDIR(about.st_mode) or is_link(about))


def _about(path: Path) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
