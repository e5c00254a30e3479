"""``tinyai rename OLD NEW``."""

from __future__ import annotations

from pathlib import Path

import click

from tinyai_registry.cli.session import Session, in_session, lock_timeout_option, registry_option
from tinyai_registry.release.provenance import give_account
from tinyai_registry.workflows.rename import compose, rename


@click.command()
@click.argument("old")
@click.argument("new")
@registry_option
@click.option("--reason", help="Why; goes into the log.")
@click.option("--dry-run", is_flag=True, help="Say what the files would be called; write nothing.")
@lock_timeout_option
@in_session
def command(
    session: Session, old: str, new: str, registry: Path | None, reason: str | None, dry_run: bool, lock_timeout: float
) -> int:
    """Give a model another id; its graphs stay as they are.

    Files are called after the new id, and row and sidecar keep the old one as `previous_id`. An ensemble's members go
    with it. `tinyai rename NEW OLD` takes it back. Exit codes: 0 done, 2 no such model or no such id, 5 the registry
    is busy.
    """
    opened = session.open_to_read(registry) if dry_run else session.open_to_write(registry)
    release, number = compose(opened, old, new), None
    if not dry_run:
        session.watch(opened.root, [new])
        account = give_account(opened.root, reason)
        number = rename(opened.root, old, new, account, lock_timeout, runtime=session.config.runtime).number
    files = list(release.files)
    if session.as_json:
        status = "dry-run" if dry_run else "renamed"
        session.answer({"model": new, "previous_id": old, "status": status, "entry": number, "files": files})
    else:
        said = "would be called" if dry_run else "is now called"
        session.say(f"{old} {said} {new}", *(f"  {name}" for name in files))
    return 0
