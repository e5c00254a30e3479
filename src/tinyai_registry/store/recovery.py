"""Finishing what a killed process began, and bringing models up to their log that lag behind it.

What was committed is put in place, what was not is dropped. A recovery may be killed as well; the next one goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tinyai_registry.errors import DocumentError, RegistryBusyError, RegistryError
from tinyai_registry.files import Folder, explain
from tinyai_registry.store import chain, layout, log, objects
from tinyai_registry.store.projection import lags
from tinyai_registry.store.registry import SIGNATURE, Registry, open_registry
from tinyai_registry.store.takeover import new_workplace
from tinyai_registry.store.turn import PATIENCE, take_turn


@dataclass(frozen=True)
class Recovery:
    """The models that were finished or brought up, and of each that could not be, what is in the way."""

    recovered: list[str]
    stuck: Mapping[str, str]


def settle(root: Path) -> None:
    """Recover the registry ``root`` if a writer died in it, for a command that is about to write into it.

    A writer that is at work is left alone. Raises RegistryBusyError if there is something to finish and this process
    may not write.
    """
    try:
        _finish(root, patience=0)
    except RegistryBusyError:
        return  # another writer is at work, and finishes it
    except DocumentError:
        return  # registry.json cannot be read: the caller opens it next, and reports that
    except OSError as error:
        raise RegistryBusyError(
            f"{root} was left half-published, or cannot be looked into, and cannot be mended from here "
            f"({explain(error)}); run `tinyai recover` with the right to write"
        ) from error


def recover(root: Path, patience: float = PATIENCE) -> Recovery:
    """Finish every publish that died, and bring up every model that lags behind its log, as after a merge in git.

    What somebody has changed by hand is left as it is. Raises RegistryBusyError if a writer is at work.
    """
    finished, stuck = _finish(root, patience), {}
    registry = open_registry(root)
    for model in layout.logged_models(root):
        try:
            if _is_behind(registry, model):
                new_workplace(root, model)  # a turn begins with what such a folder speaks of
        except (DocumentError, RegistryError) as error:
            stuck[model] = str(error)
    finished |= _finish(root, patience)
    return Recovery(sorted(finished - stuck.keys()), stuck)


def _finish(root: Path, patience: float) -> set[str]:
    models = {layout.model_of(folder) for folder in layout.workplaces(root)}
    if models:
        with take_turn(root, "recovery", patience):
            pass
    return models


def _is_behind(registry: Registry, model: str) -> bool:
    """Whether files or rows of ``model`` are not those of its last release, and can be replaced by them.

    Raises RegistryError where they cannot: the log is broken, the store lacks a file, or a file is of no release in
    the log, so somebody must have put it there.
    """
    for found in chain.breaks(Folder(registry.root), model):
        raise RegistryError(f"{found.file}: {found.message}")
    head = log.head(registry.root, model)
    if head is None or not lags(registry, model):
        return False
    known = {None, *(sha256 for entry in log.entries(registry.root, model) for sha256 in entry.files.values())}
    for name, sha256 in head.files.items():
        now = registry.digest(name)
        if now not in known and not name.endswith(SIGNATURE):
            raise RegistryError(f"{name} is of no release in its log")
        if now != sha256:
            objects.get(registry.root, model, sha256)
    return True
