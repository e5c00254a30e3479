"""``tinyai validate [DIR]``."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from tinyai_registry.checks.catalogue import rules
from tinyai_registry.checks.finding import Finding
from tinyai_registry.checks.location import text_of
from tinyai_registry.checks.selection import find_codes, is_failure, select_findings
from tinyai_registry.cli import colour
from tinyai_registry.cli.formats import FORMATS, ValidationReport
from tinyai_registry.cli.session import Session, in_session, registry_option
from tinyai_registry.errors import TinyaiError
from tinyai_registry.files import Folder
from tinyai_registry.store.registry import open_registry
from tinyai_registry.trust.growth import find_withdrawals
from tinyai_registry.workflows.lineage import follow
from tinyai_registry.workflows.validate import validate


@click.command()
@click.argument("folder", required=False, metavar="[DIR]", type=click.Path(path_type=Path))
@registry_option
@click.option("--format", "form", type=click.Choice(list(FORMATS)), default="text", help="How findings are written.")
@click.option(
    "--select", multiple=True, metavar="CODE", help="Only findings of this code or slug, or of codes that begin so."
)
@click.option(
    "--ignore", multiple=True, metavar="CODE", help="No findings of this code or slug, or of codes that begin so."
)
@click.option("--strict", is_flag=True, help="Fail on warnings too.")
@click.option("--load", "loads", is_flag=True, help="Load and run every model on its test vector too; needs the lab.")
@click.option("--since", metavar="REF", help="Against this commit, no entry of a log and no model may be gone.")
@click.option("--logs", type=click.Path(path_type=Path), help="Follow each table down to the logs in this folder.")
@in_session
def command(
    session: Session,
    folder: Path | None,
    registry: Path | None,
    form: str,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    strict: bool,
    loads: bool,
    since: str | None,
    logs: Path | None,
) -> int:
    """Check a registry: every document, file and graph, and whether they agree.

    Nothing is written. Exit codes: 0 no errors found, 1 errors found, 2 there is no registry to check, 5 there are
    errors while a publish is under way, or was when its writer died.
    """
    root, runtime = session.config.registry_folder(folder or registry), session.config.runtime
    known = rules()
    find_codes((*select, *ignore), known)  # an unknown name is an error before the work, not after it
    taken_back = [] if since is None else find_withdrawals(root, since)
    found = [*validate(root, runtime), *(_load(root, runtime) if loads else ()), *taken_back]
    found += [] if logs is None else follow(root, session.config, logs)
    session.tell_pending(root)
    findings = select_findings(found, known, select, ignore)
    source = partial(text_of, Folder(root))
    report = ValidationReport(root, findings, source, _models(root), strict, colour.wanted(session.answers))
    session.answers.write(FORMATS["json" if session.as_json else form](report))
    return int(is_failure(findings, strict=strict))


def _load(root: Path, runtime: str) -> list[Finding]:
    try:
        from tinyai_registry.workflows.load import load
    except ModuleNotFoundError as error:
        raise TinyaiError(f"--load needs {error.name}: pip install 'tinyai-registry[lab]'") from error
    return load(root, runtime)


def _models(root: Path) -> list[str]:
    """The models that were looked at, as far as the registry can be read at all."""
    try:
        return [str(row["id"]) for row in open_registry(root).rows if "id" in row]
    except TinyaiError:
        return []
