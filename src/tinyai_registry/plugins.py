"""How plugins are found, blocked, blamed and asked.

A plugin that is blocked is not imported. One that cannot be imported, misspells a hook or cannot declare its
models is kept as *failed*, with the reason, and the others go on. Every call goes to the plugin that owns
the model, and whatever goes wrong in it carries that plugin's name.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import metadata
from types import ModuleType
from typing import Any, Literal

import pluggy

from tinyai_registry import builtin, hookspecs
from tinyai_registry.answers import check_answer
from tinyai_registry.errors import PluginError, TinyaiError
from tinyai_registry.recipe import Recipe

BLOCK_VARIABLE = "TINYAI_BLOCK_PLUGINS"
BUILTIN = "builtin"

HOOKS = tuple(sorted(name for name in vars(hookspecs) if name.startswith("tinyai_")))


@dataclass(frozen=True)
class Plugin:
    """One installed plugin. ``reason`` says why it is blocked or failed; ``hooks`` are those it implements."""

    name: str
    distribution: str
    version: str
    status: Literal["active", "blocked", "failed"]
    reason: str | None = None
    hooks: tuple[str, ...] = ()
    recipes: tuple[Recipe, ...] = ()

    def __str__(self) -> str:
        return f"plugin {self.name} ({self.distribution} {self.version})"

    @contextmanager
    def blamed_for(self, what: str) -> Iterator[None]:
        """Within, whatever goes wrong is this plugin's doing: raises PluginError with its name and ``what``.

        A TinyaiError that is no PluginError passes: it names its cause already.
        """
        try:
            yield
        except PluginError as error:
            raise PluginError(f"{self}: {what} {error}") from error
        except TinyaiError:
            raise
        except (Exception, SystemExit) as error:
            raise PluginError(f"{self}: {what} raised {_described(error)}") from error


class Plugins:
    """The plugins of this installation, and the one way to call their hooks."""

    def __init__(self, manager: pluggy.PluginManager, plugins: Sequence[Plugin]) -> None:
        self._manager = manager
        self.all = tuple(plugins)

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """Every model that an active plugin declares."""
        return tuple(recipe for plugin in self.all for recipe in plugin.recipes)

    def owner(self, model: str) -> tuple[Plugin, Recipe]:
        """The plugin that declares ``model``, and its recipe.

        Raises PluginError if no active plugin declares it, or more than one does (both are named).
        """
        owners = [(p, r) for p in self.all for r in p.recipes if r.id == model]
        if not owners:
            known = ", ".join(sorted(r.id for r in self.recipes)) or "none"
            idle = "".join(f"; {p} is {p.status}: {p.reason}" for p in self.all if p.status != "active")
            raise PluginError(f"no plugin declares the model {model!r} (declared: {known}{idle})")
        if len(owners) > 1:
            named = " and ".join(str(plugin) for plugin, _ in owners)
            raise PluginError(f"the model {model!r} is declared by {named}; block or uninstall one of them")
        return owners[0]

    def call(self, hook: str, owner: Plugin, **arguments: Any) -> Any:
        """Call ``hook`` of the owner, or of the built-in if the owner does not implement it.

        Raises PluginError, naming the plugin, if it raises anything but a TinyaiError or returns None.
        """
        return self.ask(hook, owner.name if hook in owner.hooks else BUILTIN, arguments)

    def active(self, name: str) -> Plugin:
        """The plugin called ``name``. Raises PluginError if there is none, or it cannot be asked."""
        by_name = {plugin.name: plugin for plugin in self.all}
        if name not in by_name:
            raise PluginError(f"no plugin is called {name!r} (known: {', '.join(by_name)})")
        if by_name[name].status != "active":
            raise PluginError(f"{by_name[name]} is {by_name[name].status}: {by_name[name].reason}")
        return by_name[name]

    def gather(self, hook: str, names: Iterable[str], **arguments: Any) -> list[Any]:
        """What each plugin in ``names`` that implements ``hook`` answers, one after another."""
        asked = [name for name in dict.fromkeys(names) if hook in self.active(name).hooks]
        return [answer for name in asked for answer in self.ask(hook, name, arguments)]

    def ask(self, hook: str, name: str, arguments: Mapping[str, Any]) -> Any:
        """What the plugin called ``name`` answers to ``hook``, which it implements; every hook call comes through here.

        Raises PluginError, naming the plugin, if it raises anything but a TinyaiError or answers what it must not.
        """
        plugin = next(p for p in self.all if p.name == name)
        others = [p for n, p in self._manager.list_name_plugin() if n != name]
        with plugin.blamed_for(hook):
            answers = self._manager.subset_hook_caller(hook, others)(**arguments)
            if not answers:
                raise PluginError("returned None")
            check_answer(hook, answers[0], arguments)
            return answers[0]


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
    found = [_activated(manager, core, builtin)]
    entry_points = metadata.entry_points(group=hookspecs.ENTRY_POINT_GROUP)
    for entry_point in sorted(entry_points, key=lambda e: e.name):
        plugin = _found(entry_point)
        if block_all or entry_point.name in blocked:
            why = "--no-plugins" if block_all else BLOCK_VARIABLE
            found.append(replace(plugin, status="blocked", reason=f"by {why}"))
        elif any(plugin.name == other.name for other in found):
            found.append(replace(plugin, status="failed", reason="another plugin has the same name"))
        else:
            found.append(_loaded(manager, plugin, entry_point))
    return Plugins(manager, found)


def _found(entry_point: metadata.EntryPoint) -> Plugin:
    distribution = entry_point.dist
    name, version = (distribution.name, distribution.version) if distribution else ("unknown", "?")
    return Plugin(entry_point.name, name, version, "active")


def _loaded(manager: pluggy.PluginManager, plugin: Plugin, entry_point: metadata.EntryPoint) -> Plugin:
    try:
        return _activated(manager, plugin, entry_point.load())
    except (Exception, SystemExit) as error:  # noqa: BLE001  # a plugin's module may raise anything; none of it is ours
        return replace(plugin, status="failed", reason=_described(error))


def _activated(manager: pluggy.PluginManager, plugin: Plugin, module: object) -> Plugin:
    """``plugin`` with its hooks and recipes; raises whatever is wrong with ``module``."""
    attributes = ((name, getattr(module, name)) for name in dir(module) if name.startswith("tinyai_"))
    hooks = tuple(name for name, value in attributes if not isinstance(value, ModuleType))
    for name in hooks:
        if name not in HOOKS:
            raise PluginError(f"{name} is no hook of tinyai; the hooks are {', '.join(HOOKS)}")
        if manager.parse_hookimpl_opts(module, name) is None:
            raise PluginError(f"{name} lacks the @hookimpl marker, so it would never be called")
    try:
        manager.register(module, plugin.name)
        recipes: tuple[Recipe, ...] = ()
        if "tinyai_recipes" in hooks:
            others = [p for n, p in manager.list_name_plugin() if n != plugin.name]
            with plugin.blamed_for("tinyai_recipes"):
                recipes = _declared(manager.subset_hook_caller("tinyai_recipes", others)())
    except BaseException:
        if manager.has_plugin(plugin.name):
            manager.unregister(name=plugin.name)
        raise
    return replace(plugin, hooks=hooks, recipes=recipes)


def _declared(answers: Sequence[object]) -> tuple[Recipe, ...]:
    if not answers:
        raise PluginError("returned None; return a list of recipes, if need be an empty one")
    check_answer("tinyai_recipes", answers[0], {})
    recipes: tuple[Recipe, ...] = tuple(answers[0])  # type: ignore[arg-type]  # checked in the line above
    return recipes


def _described(error: BaseException) -> str:
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words}" if words else type(error).__name__
