"""``tinyai validate [DIR]``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from tinyai_registry.checks.catalogue import ON_REQUEST, rules
from tinyai_registry.checks.excusing import excuse_findings, record_findings
from tinyai_registry.checks.finding import Finding
from tinyai_registry.checks.location import text_of
from tinyai_registry.checks.selection import find_codes, is_failure, select_findings
from tinyai_registry.cli import colour
from tinyai_registry.cli.engine_options import engine_options
from tinyai_registry.cli.formats import FORMATS, ValidationReport
from tinyai_registry.cli.output_file import write
from tinyai_registry.cli.session import Session, in_session, registry_option
from tinyai_registry.cli.steps import Steps
from tinyai_registry.documents.config import NAME, Config
from tinyai_registry.documents.excuses import BASELINE, read_baseline, render_baseline
from tinyai_registry.errors import RegistryError, TinyaiError
from tinyai_registry.files import Folder
from tinyai_registry.store.registry import open_registry
from tinyai_registry.text import count
from tinyai_registry.trust.growth import find_trust_changes, find_withdrawals
from tinyai_registry.workflows.lineage import follow
from tinyai_registry.workflows.validate import validate
from tinyai_registry.workflows.workers.engine import Engine


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
@click.option(
    "--write-baseline", is_flag=True, help=f"Record what is found in {BASELINE}; later runs report what is new."
)
@in_session
@engine_options
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
    write_baseline: bool,
    engine: Engine | None,
) -> int:
    """Check a registry: every document, file and graph, and whether they agree.

    What is known, by [validate] in tinyai.toml or by a baseline, fails nothing; the first is told with its reason. In
    the registry nothing is written. Exit codes: 0 no errors found, 1 errors found, 2 there is no registry to check, 5
    there are errors while a publish is under way, or was when its writer died.
    """
    config = session.config
    root, runtime, trust = config.registry_folder(folder or registry), config.runtime, config.trust
    if engine is not None and not loads:
        raise TinyaiError("--engine and --jobs go with --load")
    if trust is not None:
        trust.require_outside(root)
    known = rules()
    find_codes((*select, *ignore), known)  # an unknown name is an error before the work, not after it
    taken_back = [] if since is None else [*find_withdrawals(root, since), *_trust_changes(config, since)]
    found = [*validate(root, runtime, trust), *(_load(session, root, runtime, engine) if loads else ()), *taken_back]
    found += [] if logs is None else follow(root, session.config, logs)
    session.tell_pending(root)
    asked = {"--load": loads, "--since": since, "--logs": logs}
    if write_baseline:
        return _write_baseline(session, config, select_findings(found, known, select, ignore))
    excuses = (*config.excuses, *read_baseline(config.root / BASELINE))
    told, unused = excuse_findings(found, excuses)
    findings = select_findings(told, known, select, ignore)
    # What nobody asked for this time may be there all the same.
    unasked = rules(family for option, family in ON_REQUEST.items() if not asked[option])
    obsolete = [excuse for excuse in unused if excuse.code not in unasked]
    source = partial(text_of, Folder(root))
    report = ValidationReport(root, findings, source, _models(root), strict, colour.wanted(session.answers), obsolete)
    session.answers.write(FORMATS["json" if session.as_json else form](report))
    return int(is_failure(findings, strict=strict))


def _write_baseline(session: Session, config: Config, found: Sequence[Finding]) -> int:
    """Record what is found and ``tinyai.toml`` does not excuse; reasons that were given before are kept."""
    path = config.root / BASELINE
    told, _ = excuse_findings(found, config.excuses)
    recorded = record_findings((each for each in told if each.excuse is None), read_baseline(path))
    write(path, render_baseline(recorded))
    open_reasons = sum(not excuse.reason for excuse in recorded)
    if session.as_json:
        session.answer({"baseline": path.name, "findings": len(recorded), "without_reason": open_reasons})
    else:
        session.say(f"{count(len(recorded), 'finding')} recorded in {path}; without a reason yet: {open_reasons}")
    return 0


def _trust_changes(config: Config, since: str) -> list[Finding]:
    """Where the settings lie in another repository, or in none, the commit says nothing of them."""
    if config.trust is None and not (config.root / NAME).is_file():
        return []
    try:
        return find_trust_changes(config.root, since)
    except RegistryError:
        return []


def _load(session: Session, root: Path, runtime: str, engine: Engine | None) -> list[Finding]:
    from tinyai_registry.workflows.load import load

    return load(root, runtime, engine or Engine(), Steps(session.as_json))


def _models(root: Path) -> list[str]:
    """The models that were looked at, as far as the registry can be read at all."""
    try:
        return [str(row["id"]) for row in open_registry(root).rows if "id" in row]
    except TinyaiError:
        return []
