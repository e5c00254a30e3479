"""``tinyai table combine``."""

from __future__ import annotations

from pathlib import Path

import click

from tinyai_registry.cli.commands.table.command_line import describe_command
from tinyai_registry.cli.output_file import require_writable
from tinyai_registry.cli.session import Session, in_session


@click.command()
@click.argument("tables", nargs=-1, required=True, metavar="[NAME=]FILE...")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The parquet file to write.")
@click.option("--rename", multiple=True, metavar="NAME:OLD=NEW", help="In the table NAME, call a column otherwise.")
@click.option("--fill", is_flag=True, help="Leave cells empty that a table lacks; the record counts them.")
@in_session
def combine(session: Session, tables: tuple[str, ...], output: Path, rename: tuple[str, ...], fill: bool) -> int:
    """Combine several tables, paths or URLs, into one, by the names of their columns.

    The column corpus has the NAME of the table that a row comes from, by default its file's. Exit codes: 0 done, 2 bad
    input.
    """
    from tinyai_registry.cli.commands.table.display import TableDisplay
    from tinyai_registry.tables.combine import combine as combine_tables
    from tinyai_registry.tables.combine import parse_ingredients

    require_writable(output)
    ingredients = parse_ingredients(tables, rename)
    display = TableDisplay(session.as_json)
    built = combine_tables(ingredients, output, describe_command(), display, fill=fill)
    if session.as_json:
        session.answer(built.answer)
    else:
        display.tell(built, output)
    return 0
