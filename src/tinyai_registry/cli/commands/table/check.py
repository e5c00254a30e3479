"""``tinyai table check``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tinyai_registry.cli.session import Session, in_session, table_option
from tinyai_registry.errors import ConfigError, TinyaiError
from tinyai_registry.text import count

if TYPE_CHECKING:
    from tinyai_registry.tables.check import Suitability


@click.command()
@click.argument("model", required=False)
@click.option("--all", "everything", is_flag=True, help="Every model: on its own table, or on the one that is given.")
@table_option
@in_session
def check(session: Session, model: str | None, everything: bool, table: tuple[str, ...]) -> int:
    """Say whether a refresh would take a table, without training: for one MODEL, or for all.

    Nothing is written. Exit codes: 0 it would, 2 it would refuse, or bad input.
    """
    from tinyai_registry.cli.owner import find_owner_of
    from tinyai_registry.cli.steps import Steps
    from tinyai_registry.tables.check import check as check_table

    if everything == (model is not None):
        raise TinyaiError("name one MODEL, or give --all")
    config, plugins = session.config, session.plugins()
    names = [recipe.id for recipe in plugins.recipes] if model is None else [model]
    answers, display = [], Steps(session.as_json)
    for name in names:
        owner = find_owner_of(session, plugins, name, None)
        try:
            data = config.table(owner.recipe.dataset, table)
        except ConfigError:
            if model is not None:
                raise
            continue  # it has no table, and nobody has given one
        answers.append(check_table(owner, data, display))
    if session.as_json:
        session.answer({"models": [_document(each) for each in answers]})
    else:
        session.say(*(line for each in answers for line in _lines(each)))
    return 2 if any(each.why for each in answers) else 0


def _document(found: Suitability) -> dict[str, Any]:
    from tinyai_registry.documents import parts

    return {
        "model": found.model,
        "suitable": found.why is None,
        "why": found.why,
        "table": None if found.table is None else parts.table_document(found.table),
        "caveats": [parts.caveat_document(caveat) for caveat in found.caveats],
    }


def _lines(found: Suitability) -> list[str]:
    if found.table is None:
        return [f"{found.model}: refused ({found.why})"]
    sizes = {"row": found.table.rows, "group": len(found.table.groups), "clip": found.table.clips}
    told = ", ".join(count(number, noun) for noun, number in sizes.items())
    return [f"{found.model}: fit to train from ({told})", *(f"  caveat: {caveat.message}" for caveat in found.caveats)]
