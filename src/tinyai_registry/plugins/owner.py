"""The plugin that owns a model, as the workflows ask it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tinyai_registry.errors import PluginError
from tinyai_registry.evaluation import Evaluation
from tinyai_registry.plugins.installed import Plugins
from tinyai_registry.plugins.plugin import Plugin
from tinyai_registry.recipe import Criterion, Recipe


@dataclass(frozen=True)
class Owner:
    """The plugin that declares a model, its recipe, and the plugins named by ``policy``, which may add criteria."""

    plugins: Plugins
    plugin: Plugin
    recipe: Recipe
    policy: tuple[str, ...] = ()

    def call(self, hook: str, **arguments: Any) -> Any:
        """What the owner, else the built-in, answers to ``hook`` for this recipe. Raises PluginError with its name."""
        return self.plugins.call(hook, self.plugin, recipe=self.recipe, **arguments)

    def added_criteria(self, evaluation: Evaluation, previous: Mapping[str, Any] | None) -> Sequence[Criterion]:
        """The criteria that the owner and the policy plugins add to those of the recipe."""
        asked = (self.plugin.name, *self.policy)
        arguments = {"recipe": self.recipe, "evaluation": evaluation, "previous": previous}
        return self.plugins.gather("tinyai_gate", asked, **arguments)


def find_owner(plugins: Plugins, model: str, policy: tuple[str, ...] = ()) -> Owner:
    """The owner of ``model``.

    Raises PluginError if no plugin, or more than one, declares it, or one that ``policy`` names cannot be asked.
    """
    plugin, recipe = plugins.owner(model)
    for name in policy:
        try:
            plugins.active(name)
        except PluginError as error:
            raise PluginError(f"tinyai.toml, [policy]: {error}") from error
    return Owner(plugins, plugin, recipe, policy)
