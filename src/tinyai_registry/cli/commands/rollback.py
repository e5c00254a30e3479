"""``tinyai rollback MODEL``."""

from __future__ import annotations

from pathlib import Path

import click

from tinyai_registry.cli.session import Session, in_session, lock_timeout_option, registry_option
from tinyai_registry.release.provenance import give_account
from tinyai_registry.store.rollback import rollback


@click.command()
@click.argument("model")
@registry_option
@click.option("--to", metavar="DIGEST", help="The SHA-256 (or its beginning) of the ONNX to go back to.")
@click.option("--reason", help="Why; goes into the log.")
@lock_timeout_option
@in_session
def command(
    session: Session, model: str, registry: Path | None, to: str | None, reason: str | None, lock_timeout: float
) -> int:
    """Publish an earlier release of a model again.

    Without --to the one before; a second rollback goes back again to the one before that. Exit codes: 0 done, 2 no
    such release, 5 the registry is busy.
    """
    root = session.open_to_write(registry).root
    session.watch(root, [model])
    entry = rollback(root, model, give_account(root, reason), to, lock_timeout)
    if session.as_json:
        session.answer({"model": model, "entry": entry.number, "restores": entry.restores, "files": dict(entry.files)})
    else:
        session.say(f"{model}: entry {entry.restores} is published again, as entry {entry.number}")
    return 0
