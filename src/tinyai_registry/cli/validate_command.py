"""``tinyai validate [DIR]``."""

from __future__ import annotations

import gc
from pathlib import Path

import click

from tinyai_registry.cli.session import Session, in_session, registry_option
from tinyai_registry.validate import validate

# What was imported stays until the end; without this the collector goes through all of it, at exit last of all, which
# takes a tenth of the time of a small registry.
gc.freeze()


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
    for f in findings:
        print(f"{f.file}:{f.line}:{f.column}: {f.rule.severity} {f.rule.code} [{f.model}] {f.message}")
    return 1 if findings else 0
