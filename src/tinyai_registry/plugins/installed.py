"""The plugins of this installation: who owns a model, and the one way to call a hook.

Every call goes to the plugin that owns the model, and whatever goes wrong in it carries that plugin's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pluggy

from tinyai_registry.errors import PluginError
from tinyai_registry.plugins.answers import check_answer
from tinyai_registry.plugins.plugin import Plugin
from tinyai_registry.recipe import Imported, Recipe
from tinyai_registry.text import name_some, suggest

BUILTIN = "builtin"
NO_PLUGIN = (
    ": no plugin with a model is installed. Models come from plugins: `tinyai new-plugin` begins one, and those of "
    "tinyai-registry lie in `plugins/` of its checkout (pip install ./plugins/NAME)"
)


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
            known = sorted({r.id for r in self.recipes})
            idle = "".join(f"; {p} is {p.status}: {p.reason}" for p in self.all if p.status != "active")
            why = f"{suggest(model, known)} (declared: {name_some(known)}{idle})" if known or idle else NO_PLUGIN
            raise PluginError(f"no plugin declares the model {model!r}{why}")
        if len(owners) > 1:
            named = " and ".join(str(plugin) for plugin, _ in owners)
            raise PluginError(f"the model {model!r} is declared by {named}; block or uninstall one of them")
        return owners[0]

    def find_import(self, model: str) -> Imported | None:
        """What a plugin declares of ``model``, which others made; None if none does.

        Raises PluginError if several declare it, or one declares a recipe for it as well (they are named).
        """
        found = [(plugin, each) for plugin in self.all for each in plugin.imports if each.id == model]
        owners = [plugin for plugin, _ in found]
        owners += [plugin for plugin in self.all for recipe in plugin.recipes if recipe.id == model]
        if found and len(owners) > 1:
            named = " and ".join(map(str, owners))
            raise PluginError(f"the model {model!r} is declared by {named}; block or uninstall one of them")
        return found[0][1] if found else None

    def call(self, hook: str, owner: Plugin, **arguments: Any) -> Any:
        """Call ``hook`` of the owner, or of the built-in if the owner does not implement it.

        Raises PluginError, naming the plugin, if it raises anything but a TinyaiError or returns None.
        """
        return self.ask(hook, owner.name if hook in owner.hooks else BUILTIN, arguments)

    def active(self, name: str) -> Plugin:
        """The plugin called ``name``. Raises PluginError if there is none, or it cannot be asked."""
        called = [plugin for plugin in self.all if plugin.name == name]
        if not called:
            known = list(dict.fromkeys(plugin.name for plugin in self.all))
            raise PluginError(f"no plugin is called {name!r}{suggest(name, known)} (known: {', '.join(known)})")
        first = called[0]  # any other of that name has failed for it
        if first.status != "active":
            raise PluginError(f"{first} is {first.status}: {first.reason}")
        return first

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
        with plugin.blame_for(hook):
            answers = self._manager.subset_hook_caller(hook, others)(**arguments)
            if not answers:
                raise PluginError("returned None")
            check_answer(hook, answers[0], arguments)
            return answers[0]
