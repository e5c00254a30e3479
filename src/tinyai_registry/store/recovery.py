"""Finishing what a process began and did not live to finish.

What is committed is brought into place, what is not is dropped; a recovery can itself be killed, and the next one
does the rest.
"""

from __future__ import annotations

import uuid
from pathlib import Path

from filelock import Timeout

from tinyai_registry.errors import RegistryBusyError
from tinyai_registry.store import durable, layout, log, objects
from tinyai_registry.store.projection import project
from tinyai_registry.store.turn import turn


def is_pending(root: Path) -> bool:
    """Whether a publish is under way, or was when its process died."""
    return bool(layout.pending(root))


def settle(root: Path) -> None:
    """Recover the registry ``root`` if a writer died in it; called by every command that opens one.

    A writer that is at work is left alone. Raises RegistryBusyError if there is something to finish and this process
    may not write.
    """
    if not is_pending(root):
        return
    try:
        recover(root, patience=0)
    except Timeout:
        return  # somebody is at work; readers see one release or the other
    except OSError as error:
        raise RegistryBusyError(
            f"{root} was left half-published, and cannot be mended from here ({error.strerror}); "
            "run `tinyai recover` with the right to write"
        ) from error


def recover(root: Path, patience: float = 60.0) -> list[str]:
    """Finish every publish that died; returns the models concerned. Raises Timeout if a writer is at work."""
    if not is_pending(root):
        return []
    with turn(root, patience):
        workplace = layout.pending_folder(root) / f"recovery.{uuid.uuid4().hex}"
        durable.make_folder(workplace)
        models = recover_pending(root, workplace)
        durable.remove_folder(workplace)
        return models


def recover_pending(root: Path, workplace: Path) -> list[str]:
    """With the lock held: bring every model with a pending folder, but ``workplace``, up to its log."""
    taken = [_taken_over(folder) for folder in layout.pending(root) if folder != workplace]
    died = [each for each in taken if each is not None]
    since = min((made for _, made in died), default=None)
    models = sorted({folder.name.partition(".")[0] for folder, _ in died})
    for model in models:
        bring_up(root, model, workplace, since)
    for folder, _ in died:
        durable.remove_folder(folder)
    return models


def bring_up(root: Path, model: str, workplace: Path, since: int | None = None) -> None:
    """Bring the files of ``model`` up to its log, and drop objects of releases that were never committed."""
    for folder in layout.folders(root, model):
        durable.sync_folder(folder)  # made by a process that may have died before it could do so
    project(root, model, workplace, since)
    objects.keep_only(root, model, {sha for entry in log.entries(root, model) for sha in entry.files.values()})


def _taken_over(folder: Path) -> tuple[Path, int] | None:
    """``folder`` under another name, so that a writer that is alive after all (the lock lied) cannot commit from it.

    With it, when its writer last changed it, in nanoseconds. None if its writer, or another recovery, was quicker.
    """
    taken = folder.with_name(f"{folder.name.partition('.')[0]}.{uuid.uuid4().hex}")
    try:
        changed = folder.stat().st_mtime_ns
        durable.rename(folder, taken)
    except FileNotFoundError:
        return None
    return taken, changed
