"""``tinyai show MODEL``."""

from __future__ import annotations

from pathlib import Path

import click

from tinyai_registry.cli.session import Session, in_session, registry_option
from tinyai_registry.documents import front_matter, strict_json
from tinyai_registry.store.snapshot import read_documents


@click.command()
@click.argument("model")
@registry_option
@in_session
def command(session: Session, model: str, registry: Path | None) -> int:
    """Show one registered model.

    Its card, if the release has one; else its row and sidecar.
    """
    release = read_documents(session.open_to_read(registry).root, model)
    document = {"row": release.row, "sidecar": release.sidecar}
    card = release.files.get(f"{release.stem}.md")
    if session.as_json:
        session.answer(document)
    elif card is not None:
        lines = front_matter.strip(card.decode("utf-8", errors="replace")).removesuffix("\n").split("\n")
        session.say(*(line.removesuffix("\r") for line in lines))
    else:
        session.answers.write(strict_json.dumps(document))
    return 0
