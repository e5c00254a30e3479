"""``tinyai prune``."""

from __future__ import annotations

from pathlib import Path

import click

from tinyai_registry.cli.session import Session, in_session, lock_timeout_option, registry_option
from tinyai_registry.store import layout
from tinyai_registry.store.publish import KEPT_RELEASES, drop_old
from tinyai_registry.store.turn import take_turn
from tinyai_registry.text import count


@click.command()
@registry_option
@lock_timeout_option
@in_session
def command(session: Session, registry: Path | None, lock_timeout: float) -> int:
    """Drop the files of old releases from the store; the last three of each model stay."""
    root = session.open_to_write(registry).root
    dropped: dict[str, list[str]] = {}
    for model in layout.logged_models(root):
        with take_turn(root, model, lock_timeout) as workplace:
            dropped[model] = drop_old(root, model, workplace)
    if session.as_json:
        session.answer({"dropped": dropped})
    else:
        files = count(sum(map(len, dropped.values())), "file")
        session.answers.write(f"dropped {files}; the last {KEPT_RELEASES} releases of each model stay\n")
    return 0
