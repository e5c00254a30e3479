"""``tinyai remove MODEL``."""

from __future__ import annotations

from pathlib import Path

import click

from tinyai_registry.cli.session import Session, in_session, lock_timeout_option, registry_option
from tinyai_registry.release.provenance import give_account
from tinyai_registry.workflows.remove import remove, require_removable


@click.command()
@click.argument("model")
@registry_option
@click.option("--reason", help="Why; goes into the log.")
@click.option("--dry-run", is_flag=True, help="Say which files would go; write nothing.")
@lock_timeout_option
@in_session
def command(
    session: Session, model: str, registry: Path | None, reason: str | None, dry_run: bool, lock_timeout: float
) -> int:
    """Take a model out of the registry: row, files and signatures; its log keeps what it was.

    An ensemble goes with its members. `tinyai rollback MODEL` brings it back. Exit codes: 0 done, 2 no such model, 5
    the registry is busy.
    """
    opened = session.open_to_read(registry) if dry_run else session.open_to_write(registry)
    held = require_removable(opened, model)
    files = [*held.files, *held.signatures]
    number = None
    if not dry_run:
        session.watch(opened.root, [model])
        number = remove(opened.root, model, give_account(opened.root, reason), lock_timeout).number
    if session.as_json:
        session.answer({"model": model, "status": "dry-run" if dry_run else "removed", "entry": number, "files": files})
    else:
        session.say(f"{model}: {'would be removed' if dry_run else 'removed'}", *(f"  {name}" for name in files))
    return 0
