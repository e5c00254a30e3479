"""``tinyai log [MODEL]``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from tinyai_registry.cli.session import Session, in_session, registry_option
from tinyai_registry.errors import RegistryError
from tinyai_registry.store import layout, log
from tinyai_registry.text import suggest


@click.command()
@click.argument("model", required=False)
@registry_option
@in_session
def command(session: Session, model: str | None, registry: Path | None) -> int:
    """Show what happened to a model, or to all of them: publishes, refusals, rollbacks; oldest first."""
    root = session.open_to_read(registry).root
    known = layout.logged_models(root)
    if model is not None and model not in known:
        they = f"it has one of: {', '.join(known) or 'none'}{suggest(model, known)}"
        raise RegistryError(f"{root} has no history of {model!r}; {they}")
    found = [entry for each in (known if model is None else [model]) for entry in log.entries(root, each)]
    found.sort(key=lambda entry: (entry.account.time, entry.model, entry.number))
    if session.as_json:
        session.answer({"entries": [asdict(entry) for entry in found]})
        return 0
    for entry in found:
        digest = next((str(row.get("sha256"))[:12] for row in entry.rows), "-")
        reason = f"  {entry.account.reason}" if entry.account.reason else ""
        line = f"{entry.account.time}  {entry.model} {entry.number}  {entry.action:<8}  {digest}  {entry.account.who}"
        session.say(line + reason)
    return 0
