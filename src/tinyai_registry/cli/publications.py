"""What a command that was stopped has published: the log is asked, which alone knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tinyai_registry.errors import TinyaiError
from tinyai_registry.store import layout, log
from tinyai_registry.store.projection import lags
from tinyai_registry.store.registry import open_registry


@dataclass(frozen=True)
class Watched:
    """The models that a command may publish in ``root``, each with the number of its last entry when it began."""

    root: Path
    last: Mapping[str, int]


def watch(root: Path, models: Iterable[str]) -> Watched:
    """Note where the logs of ``models`` end now."""
    return Watched(root, {model: max(layout.entry_numbers(root, model), default=0) for model in models})


def describe_publications(watched: Watched) -> str:
    """Which models have a release that was committed since, which have none, and whether there is something to finish.

    A release counts that another process has committed meanwhile: it is what the registry has now.
    """
    try:
        published = [model for model, last in watched.last.items() if _has_release_since(watched.root, model, last)]
        behind = bool(published) and any(lags(open_registry(watched.root), model) for model in published)
    except (OSError, TinyaiError) as error:
        return f"what was published cannot be told: {error}"
    if not published:
        return "nothing was published"
    others = [model for model in watched.last if model not in published]
    said = f"published: {', '.join(published)}"
    said += f"; not published: {', '.join(others)}" if others else ""
    return said + ("; files are behind the log, `tinyai recover` finishes it" if behind else "")


def _has_release_since(root: Path, model: str, last: int) -> bool:
    made = {"publish", "rollback", "remove", "rename"}
    return any(entry.number > last and entry.action in made for entry in log.entries(root, model))
