"""``tinyai validate [DIR]``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from tinyai_registry.cli.session import Session, in_session, registry_option
from tinyai_registry.validate import Finding, validate


@click.command()
@click.argument("folder", required=False, metavar="[DIR]", type=click.Path(path_type=Path))
@registry_option
@in_session
def command(session: Session, folder: Path | None, registry: Path | None) -> int:
    """Check a registry: schemas, digests, files.

    Exit codes: 0 nothing found, 1 errors found, 2 there is no registry to check.
    """
    root = session.config.registry_folder(folder or registry)
    findings = validate(root)
    if session.as_json:
        session.answer({"findings": [asdict(f) for f in findings], "summary": {"findings": len(findings)}})
    else:
        for finding in findings:
            session.answers.write(f"{_where(root, finding)}: {finding.message}\n")
        session.answers.write(f"{len(findings) or 'no'} finding{'s' * (len(findings) != 1)} in {root}\n")
    return 1 if findings else 0


def _where(root: Path, finding: Finding) -> str:
    file = str(root / finding.file)
    return f"{file} ({finding.model})" if finding.model else file
