"""What writers are doing in a registry, as seen by a reader, which takes no lock and writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tinyai_registry.errors import RegistryError
from tinyai_registry.store import layout


@dataclass(frozen=True)
class Activity:
    """The number of each model's last entry, the models that have a workplace, and when workplaces last came or went.

    If two are equal and nothing is ``pending``, nobody wrote between them.
    """

    committed: Mapping[str, int]
    pending: tuple[str, ...]
    changed: int

    def __str__(self) -> str:
        models = ", ".join(sorted(set(self.pending)))
        return f"a publish of {models} is under way, or its writer died; `tinyai recover` finishes it"


NOTHING = Activity({}, (), 0)


def observe(root: Path) -> Activity:
    """The state of ``root`` as writers have left it."""
    try:
        committed = {model: max(layout.entry_numbers(root, model), default=0) for model in layout.logged_models(root)}
        folder = layout.pending_folder(root)
        pending = tuple(map(layout.model_of, layout.workplaces(root)))
    except RegistryError:
        return NOTHING  # a link lies in the store, which no writer follows either
    return Activity(committed, pending, folder.stat().st_mtime_ns if folder.is_dir() else 0)


def tell_pending(root: Path) -> str | None:
    """What writers are at in ``root``, or left there, in words; None where nothing is pending."""
    try:
        models = tuple(map(layout.model_of, layout.workplaces(root)))
    except RegistryError:
        return None  # as above
    return str(Activity({}, models, 0)) if models else None


def is_pending(root: Path) -> bool:
    """Whether a publish is under way, or was when its process died."""
    return bool(layout.workplaces(root))
