"""How plugins are found, blocked and imported.

A plugin that is blocked is not imported. One that cannot be imported, misspells a hook or cannot declare its models
is kept as *failed*, with the reason, and the others go on.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterable
from dataclasses import replace
from importlib import metadata
from types import ModuleType
from typing import Any

import pluggy

from tinyai_registry.errors import PluginError
from tinyai_registry.plugins import builtin, hookspecs
from tinyai_registry.plugins.answers import check_answer
from tinyai_registry.plugins.distributions import find_announced
from tinyai_registry.plugins.installed import BUILTIN, Plugins
from tinyai_registry.plugins.plugin import Plugin, describe_error
from tinyai_registry.plugins.process_state import restore_settings
from tinyai_registry.recipe import Imported, Recipe

logger = logging.getLogger(__name__)

BLOCK_VARIABLE = "TINYAI_BLOCK_PLUGINS"
HOOKS = tuple(sorted(name for name in vars(hookspecs) if name.startswith("tinyai_")))


def discover(block: Iterable[str] | None = None, *, block_all: bool = False) -> Plugins:
    """Every plugin that an entry point in the group ``tinyai_registry`` names, and the built-in.

    ``block`` names entry points that are not to be imported; by default those in the environment variable
    ``TINYAI_BLOCK_PLUGINS``, separated by commas.
    """
    if block is None:
        block = os.environ.get(BLOCK_VARIABLE, "").split(",")
    blocked = {name.strip() for name in block}
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    core = Plugin(BUILTIN, "tinyai-registry", metadata.version("tinyai-registry"), "active")
    found = [_activate(manager, core, builtin)]
    for announced in find_announced():
        plugin = announced.plugin
        if announced.entry_point is None:
            found.append(plugin)
        elif block_all or plugin.name in blocked:
            why = "--no-plugins" if block_all else BLOCK_VARIABLE
            found.append(replace(plugin, status="blocked", reason=f"by {why}"))
        elif any(plugin.name == other.name for other in found):
            found.append(replace(plugin, status="failed", reason="another plugin has the same name"))
        else:
            found.append(_load(manager, plugin, announced.entry_point))
    return Plugins(manager, found)


def _load(manager: pluggy.PluginManager, plugin: Plugin, entry_point: metadata.EntryPoint) -> Plugin:
    with restore_settings() as changed:
        loaded = _import(manager, plugin, entry_point)
    if not changed:
        return loaded
    what = f"its import changed {', '.join(changed)}, which was set back"
    logger.warning("%s: %s", plugin, what)
    return replace(loaded, reason=f"{loaded.reason}; {what}" if loaded.reason else what)


def _import(manager: pluggy.PluginManager, plugin: Plugin, entry_point: metadata.EntryPoint) -> Plugin:
    try:
        return _activate(manager, plugin, entry_point.load())
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  # a plugin's module may raise anything; none of it is ours
        return replace(plugin, status="failed", reason=describe_error(error))


def _activate(manager: pluggy.PluginManager, plugin: Plugin, module: object) -> Plugin:
    """``plugin`` with its hooks and recipes; raises whatever is wrong with ``module``."""
    if manager.is_registered(module):
        raise PluginError(f"plugin {manager.get_name(module)} is the same module; keep one entry point of the two")
    attributes = ((name, getattr(module, name)) for name in dir(module) if name.startswith("tinyai_"))
    hooks = tuple(name for name, value in attributes if not isinstance(value, ModuleType))
    for name in hooks:
        if name not in HOOKS:
            raise PluginError(f"{name} is no hook of tinyai; the hooks are {', '.join(HOOKS)}")
        if manager.parse_hookimpl_opts(module, name) is None:
            raise PluginError(f"{name} lacks the @hookimpl marker, so it would never be called")
    try:
        manager.register(module, plugin.name)
        recipes: tuple[Recipe, ...] = _declared(manager, plugin, "tinyai_recipes", hooks)
        imports: tuple[Imported, ...] = _declared(manager, plugin, "tinyai_imports", hooks)
    except BaseException:
        if manager.has_plugin(plugin.name):
            manager.unregister(name=plugin.name)
        raise
    return replace(plugin, hooks=hooks, recipes=recipes, imports=imports)


def _declared(manager: pluggy.PluginManager, plugin: Plugin, hook: str, hooks: Collection[str]) -> tuple[Any, ...]:
    """What ``plugin`` declares by ``hook``, checked; nothing if it does not implement that."""
    if hook not in hooks:
        return ()
    others = [p for n, p in manager.list_name_plugin() if n != plugin.name]
    with plugin.blame_for(hook):
        answers = manager.subset_hook_caller(hook, others)()
        if not answers:
            raise PluginError("returned None; return a list, if need be an empty one")
        check_answer(hook, answers[0], {})
        return tuple(answers[0])
