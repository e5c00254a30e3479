"""The owner of a model that a command line names, for commands that have a registry to ask who made it."""

from __future__ import annotations

from pathlib import Path

from tinyai_registry.cli.session import Session
from tinyai_registry.documents.origin import tell_origin
from tinyai_registry.errors import PluginError, TinyaiError
from tinyai_registry.plugins.installed import Plugins
from tinyai_registry.plugins.owner import Owner, find_owner
from tinyai_registry.store.registry import Registered, open_registry


def find_owner_of(session: Session, plugins: Plugins, model: str, registry: Path | None) -> Owner:
    """The owner of ``model``. Raises PluginError as ``find_owner`` does.

    Where no plugin declares a model that the registry has, the message says who made it, and what to do.
    """
    try:
        return find_owner(plugins, model, session.config.policy)
    except PluginError as error:
        is_declared = any(recipe.id == model for recipe in plugins.recipes)
        found = None if is_declared else _find(session, model, registry)
        if found is None:
            raise
        raise PluginError(f"no plugin declares {model}: {tell_origin(found.sidecar or {})}") from error


def _find(session: Session, model: str, registry: Path | None) -> Registered | None:
    try:
        return open_registry(session.config.registry_folder(registry)).find(model)
    except TinyaiError:
        return None
