"""``tinyai evaluate MODEL``."""

from __future__ import annotations

import click

from tinyai_registry.cli.engine_options import engine_options
from tinyai_registry.cli.judging import Display
from tinyai_registry.cli.owner import find_owner_of
from tinyai_registry.cli.session import Session, in_session, table_option
from tinyai_registry.documents.report import report
from tinyai_registry.workflows.evaluate import evaluate
from tinyai_registry.workflows.workers.engine import Engine


@click.command()
@click.argument("model")
@table_option
@click.option("--protocol", help="Evaluate under one of the recipe's published protocols instead of its folds.")
@in_session
@engine_options
def command(session: Session, model: str, table: tuple[str, ...], protocol: str | None, engine: Engine | None) -> int:
    """Cross-validate a model on a table and judge it; publish nothing.

    Protocols are done in this process, or by those that --jobs or --engine ask for.

    Exit codes: 0 the gate would pass, 2 bad input, 3 it would refuse.
    """
    config = session.config
    where = find_owner_of(session, session.plugins(), model, None)
    display = Display(session.as_json)
    outcome = evaluate(where, config.table(where.recipe.dataset, table), display, protocol, engine)
    document = report(outcome, display.seconds)
    session.answer(document) if session.as_json else display.outcome(document)
    return outcome.exit_code
