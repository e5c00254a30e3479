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
        session.answers.write(f"{plugin.name}  {plugin.status}  ({plugin.distribution} {plugin.version})\n")
        if plugin.reason:
            session.answers.write(f"  why     {plugin.reason}\n")
        if plugin.recipes:
            session.answers.write(f"  models  {', '.join(recipe.id for recipe in plugin.recipes)}\n")
        if plugin.hooks:
            session.answers.write(f"  hooks   {', '.join(plugin.hooks)}\n")
    return 0


def _document(plugin: Plugin) -> dict[str, object]:
    return {
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "status": plugin.status,
        "reason": plugin.reason,
        "models": [recipe.id for recipe in plugin.recipes],
        "hooks": list(plugin.hooks),
    }
