"""``tinyai plugins``."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

import click

from tinyai_registry.cli.session import Session, in_session
from tinyai_registry.plugins.plugin import Plugin

WIDTH = 80


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
        session.say(*_list("models", [recipe.id for recipe in plugin.recipes]))
        session.say(*_list("imports", [each.id for each in plugin.imports]))
        session.say(*_list("hooks", plugin.hooks))
    return 0


def _list(what: str, names: Sequence[str]) -> list[str]:
    """The names behind the word for them, on as many lines as that takes."""
    return wrap(", ".join(names), WIDTH, initial_indent=f"  {what:<8}", subsequent_indent=" " * 10)


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
