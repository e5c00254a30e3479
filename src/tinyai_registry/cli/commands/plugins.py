"""``tinyai plugins``."""

from __future__ import annotations

import click

from tinyai_registry.cli.session import Session, in_session
from tinyai_registry.plugins.plugin import Plugin


@click.command()
@in_session
def command(session: Session) -> int:
    """List the installed plugins and what became of them."""
    plugins = session.plugins().all
    if session.as_json:
        session.answer({"plugins": [_document(plugin) for plugin in plugins]})
        return 0
    for plugin in plugins:
        session.say(f"{plugin.name}  {plugin.status}  ({plugin.distribution} {plugin.version})")
        if plugin.reason:
            session.say(f"  why     {plugin.reason}")
        if plugin.recipes:
            session.say(f"  models  {', '.join(recipe.id for recipe in plugin.recipes)}")
        if plugin.imports:
            session.say(f"  imports {', '.join(each.id for each in plugin.imports)}")
        if plugin.hooks:
            session.say(f"  hooks   {', '.join(plugin.hooks)}")
    return 0


def _document(plugin: Plugin) -> dict[str, object]:
    return {
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "status": plugin.status,
        "reason": plugin.reason,
        "models": [recipe.id for recipe in plugin.recipes],
        "imports": [each.id for each in plugin.imports],
        "hooks": list(plugin.hooks),
    }
