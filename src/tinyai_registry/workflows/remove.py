"""The story of a removal: a model leaves registry and folder in one commit; its log keeps what it was."""

from __future__ import annotations

from pathlib import Path

from tinyai_registry.errors import RegistryBusyError, RegistryError
from tinyai_registry.release import Account, Release
from tinyai_registry.store import log
from tinyai_registry.store.adoption import is_recorded
from tinyai_registry.store.belongings import Holding, find_ensemble, find_holding
from tinyai_registry.store.publish import publish, record
from tinyai_registry.store.registry import Registry, open_registry
from tinyai_registry.store.turn import PATIENCE
from tinyai_registry.text import name_some, suggest


def remove(root: Path, model: str, account: Account, patience: float = PATIENCE) -> log.Entry:
    """Take ``model`` out of the registry ``root``: rows, files, signatures, and those of its members.

    `tinyai rollback` brings it back. Raises RegistryError if there is no such model, or it is a member of an ensemble,
    which was judged as a whole.
    """
    require_removable(open_registry(root), model)
    record(root, model, account, patience, signatures=True)
    entry, _ = publish(root, model, lambda: _removal(open_registry(root), model), account, patience)
    return entry


def require_removable(registry: Registry, model: str) -> Holding:
    """What stands of ``model``. Raises RegistryError if it cannot be taken out alone."""
    ensemble = find_ensemble(registry, model)
    if ensemble is not None:
        raise RegistryError(f"{model} is a member of the ensemble {ensemble}, which was judged as a whole: name that")
    held = find_holding(registry, model)
    if held is None:
        known = [str(row.get("id")) for row in registry.rows]
        they = f"it has: {name_some(known)}{suggest(model, known)}"
        raise RegistryError(f"{registry.root} has no model {model!r}; {they}")
    return held


def require_recorded(registry: Registry, model: str, *, signatures: bool) -> None:
    """Raises RegistryBusyError if ``model`` has changed since it was recorded."""
    if not is_recorded(registry, model, signatures=signatures):
        raise RegistryBusyError(f"another process has changed {model} meanwhile; try again")


def _removal(registry: Registry, model: str) -> Release:
    require_removable(registry, model)
    require_recorded(registry, model, signatures=True)
    return Release(model, {}, ())
