"""``tinyai diff MODEL [OLD] [NEW]``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from tinyai_registry.cli import comparison
from tinyai_registry.cli.judging import Display
from tinyai_registry.cli.output_file import require_writable, write
from tinyai_registry.cli.owner import find_owner_of
from tinyai_registry.cli.session import Session, in_session, registry_option, table_option
from tinyai_registry.documents.side_by_side import render_markdown
from tinyai_registry.errors import TinyaiError
from tinyai_registry.workflows.diff import compare_outcome, diff, find_sidecar
from tinyai_registry.workflows.refresh import refresh
from tinyai_registry.workflows.refreshing.starting_point import Request


@click.command()
@click.argument("model")
@click.argument("old", required=False)
@click.argument("new", required=False)
@registry_option
@click.option("--dry-run", is_flag=True, help="Compare what is registered with what a refresh would make.")
@table_option
@click.option("--comment", type=click.Path(path_type=Path), help="Also write it as Markdown, for a pull request.")
@in_session
def command(
    session: Session,
    model: str,
    old: str | None,
    new: str | None,
    registry: Path | None,
    dry_run: bool,
    table: tuple[str, ...],
    comment: Path | None,
) -> int:
    """Compare two releases of a model: gate, figures, folds, recipe, table, drift, files.

    OLD and NEW are numbers of entries, or digests of an ONNX file or their beginnings, as `tinyai log` shows them. NEW
    is by default what is registered, and OLD the release before it.
    """
    require_writable(comment)
    if old is not None and dry_run:
        raise TinyaiError("OLD and NEW name releases, and --dry-run compares with the one that is registered")
    root = session.open_to_read(registry).root
    found = _try(session, model, root, table) if dry_run else diff(root, model, old, new)
    if comment is not None:
        write(comment, render_markdown(found, model, comparison.sides(found)))
    session.answer(found) if session.as_json else session.say(*comparison.lines(found))
    return 0


def _try(session: Session, model: str, root: Path, table: tuple[str, ...]) -> Mapping[str, Any]:
    """What is registered against what a refresh would make."""
    config = session.config
    owner = find_owner_of(session, session.plugins(), model, root)
    data = config.table(owner.recipe.dataset, table)
    request = Request(root, data, f"tinyai diff {model}", force=True, dry_run=True, runtime=config.runtime)
    outcome = refresh(owner, request, Display(session.as_json))
    return compare_outcome(find_sidecar(root, model), outcome, owner.recipe)
