"""Fencing off every other writer of a registry, dead or alive, and finishing what they began.

A writer changes a registry only by renaming or linking files out of its workplace, or, to remove them, into it. A
writer that begins removes every other workplace, so a fenced writer cannot change anything. A writer that begins
later removes ours, so we notice. So nobody writes between our reads and our writes, whether or not the lock holds.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path

from tinyai_registry.errors import DocumentError, OvertakenError, RegistryError
from tinyai_registry.store import durable, layout, log, objects
from tinyai_registry.store.projection import project
from tinyai_registry.store.registry import open_registry

logger = logging.getLogger(__name__)


def new_workplace(root: Path, model: str) -> Path:
    """Make a workplace for ``model``. While it exists, it says that there may be something to finish."""
    workplace = layout.new_workplace(root, model)
    try:
        durable.make_folder(workplace, root)
    except FileNotFoundError as error:  # another writer removed it while we made it
        raise OvertakenError(f"another writer has taken {root} over; try again") from error
    return workplace


def take_over(root: Path, workplace: Path) -> None:
    """Remove every workplace in ``root`` but ``workplace``, and finish what their owners began.

    First a workplace of our own is made for each of their models, a mark: if we die, the next writer still knows what
    to finish.
    """
    marks: dict[str, Path] = {}
    while others := [each for each in layout.workplaces(root) if each not in {workplace, *marks.values()}]:
        for folder in others:
            model = layout.model_of(folder)
            if model not in marks:
                marks[model] = new_workplace(root, model)
            _take(folder, workplace)
    for model, mark in sorted(marks.items()):
        finish(root, model, workplace)
        durable.remove_folder(mark)


def finish(root: Path, model: str, workplace: Path) -> None:
    """Bring ``model`` up to its log, or warn that it is damaged: a later attempt would fail as well.

    Raises DocumentError where ``registry.json`` cannot be read: somebody will restore it, and then it can be finished.
    """
    try:
        bring_up(root, model, workplace)
    except (DocumentError, RegistryError) as error:
        open_registry(root)
        logger.warning("a publish of %s cannot be finished: %s; see `tinyai recover`", model, error)


def bring_up(root: Path, model: str, workplace: Path) -> None:
    """Bring the files of ``model`` up to its log, and drop objects of releases that were never committed."""
    head = log.head(root, model)
    names = (model,) if head is None or head.previous_id is None else (model, head.previous_id)
    for each in names:
        for folder in layout.folders(root, each):
            durable.sync_folder(folder)  # made by a process that may have died before it could do so
    project(root, model, workplace)
    log.record_tip(root, model, workplace)
    with suppress(DocumentError, RegistryError):  # of a history that cannot be read whole, nothing is dropped
        needed = {sha256 for entry in log.entries(root, model) for sha256 in entry.files.values()}
        objects.keep_only(root, model, needed, workplace)


def _take(folder: Path, workplace: Path) -> None:
    try:
        durable.take_folder(folder, workplace / "taken")
    except FileNotFoundError:
        if not workplace.is_dir():
            raise
        # Its owner has removed it, or another writer has.
