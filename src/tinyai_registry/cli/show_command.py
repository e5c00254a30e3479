"""``tinyai show MODEL``."""

from __future__ import annotations

from pathlib import Path

import click

from tinyai_registry.cli.session import Session, in_session, registry_option
from tinyai_registry.documents import strict_json
from tinyai_registry.errors import RegistryError


@click.command()
@click.argument("model")
@registry_option
@in_session
def command(session: Session, model: str, registry: Path | None) -> int:
    """Show one registered model.

    Its card, if the release has one; else its row and sidecar.
    """
    opened = session.opened(registry)
    found = opened.find(model)
    if found is None:
        known = ", ".join(str(row.get("id")) for row in opened.rows) or "none"
        raise RegistryError(f"{opened.root} has no model {model!r}; it has: {known}")
    document = {"row": found.row, "sidecar": found.sidecar}
    card = opened.path(f"{found.stem}.md")
    if session.as_json:
        session.answer(document)
    elif card.is_file():
        session.answers.write(card.read_text(encoding="utf-8", errors="replace"))
    else:
        session.answers.write(strict_json.dumps(document))
    return 0
