"""``tinyai log [MODEL]``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from tinyai_registry.cli.session import Session, in_session, registry_option
from tinyai_registry.errors import RegistryError
from tinyai_registry.store import layout, log
from tinyai_registry.text import printable


@click.command()
@click.argument("model", required=False)
@registry_option
@in_session
def command(session: Session, model: str | None, registry: Path | None) -> int:
    """Show what happened to a model, or to all of them: publishes, refusals, rollbacks; oldest first."""
    root = session.open_to_read(registry).root
    known = layout.logged_models(root)
    if model is not None and model not in known:
        raise RegistryError(f"{root} has no history of {model!r}; it has one of: {', '.join(known) or 'none'}")
    found = [entry for each in (known if model is None else [model]) for entry in log.entries(root, each)]
    found.sort(key=lambda entry: (entry.account.time, entry.model, entry.number))
    if session.as_json:
        session.answer({"entries": [asdict(entry) for entry in found]})
        return 0
    for entry in found:
        digest = next((str(row.get("sha256"))[:12] for row in entry.rows), "-")
        reason = f"  {entry.account.reason}" if entry.account.reason else ""
        line = f"{entry.account.time}  {entry.model} {entry.number}  {entry.action:<8}  {digest}  {entry.account.who}"
        session.answers.write(printable(line + reason) + "\n")
    return 0
