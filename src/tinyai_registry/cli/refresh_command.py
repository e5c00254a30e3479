"""``tinyai refresh MODEL``."""

from __future__ import annotations

from pathlib import Path

import click

from tinyai_registry.cli.judging import Shown, exit_code, writable, write
from tinyai_registry.cli.session import Session, in_session, registry_option, table_option
from tinyai_registry.documents import note as decision_note
from tinyai_registry.documents import strict_json
from tinyai_registry.documents.report import report
from tinyai_registry.evaluate import bench
from tinyai_registry.refresh import Request, refresh


@click.command()
@click.argument("model")
@table_option
@registry_option
@click.option("--metrics-out", type=click.Path(path_type=Path), help="Also write the JSON document here.")
@click.option("--reason", help="Why the model was stale; goes into sidecar and card.")
@click.option("--note", type=click.Path(path_type=Path), help="Write a decision note (Markdown) here.")
@click.option("--dry-run", is_flag=True, help="Do everything but publish.")
@click.option("--force", is_flag=True, help="Retrain even if the release is up to date.")
@in_session
def command(
    session: Session,
    model: str,
    table: Path | None,
    registry: Path | None,
    metrics_out: Path | None,
    reason: str | None,
    note: Path | None,
    dry_run: bool,
    force: bool,
) -> int:
    """Retrain a model from a fresh table and publish it, if its gate passes.

    Exit codes: 0 done, 2 bad input, 3 the gate refused, 4 the recipe changed, 5 the registry is busy.
    """
    config = session.config
    where = bench(session.plugins(), model, config.policy)
    for file in (metrics_out, note):
        writable(file)
    path = config.table(where.recipe.dataset, table)
    request = Request(
        registry=config.registry_folder(registry),
        table=path,
        command=_command_line(model, path, dry_run=dry_run, force=force),
        reason=reason,
        force=force,
        dry_run=dry_run,
    )
    shown = Shown(session.as_json)
    outcome = refresh(where, request, shown)
    document = report(outcome, shown.seconds)
    if metrics_out is not None:
        write(metrics_out, strict_json.dumps(document))
    if note is not None and outcome.sidecar is not None:
        write(note, decision_note.rendered(outcome.sidecar))
    session.answer(document) if session.as_json else shown.outcome(document)
    return exit_code(outcome)


def _command_line(model: str, table: Path, *, dry_run: bool, force: bool) -> str:
    """What to publish of the command line: a path shows someone's folders, its last part says enough."""
    flags = [flag for flag, given in (("--dry-run", dry_run), ("--force", force)) if given]
    return " ".join(("tinyai refresh", model, "--table", table.name, *flags))
