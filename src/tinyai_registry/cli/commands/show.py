"""``tinyai show MODEL``."""

from __future__ import annotations

from pathlib import Path

import click

from tinyai_registry.cli.session import Session, in_session, registry_option
from tinyai_registry.documents import front_matter, strict_json
from tinyai_registry.store.snapshot import read_documents
from tinyai_registry.text import log_line


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
        _show(session, front_matter.strip(card.decode("utf-8", errors="replace")))
    else:
        session.answers.write(strict_json.dumps(document))
    return 0


def _show(session: Session, card: str) -> None:
    """The card as a page on a terminal; in a pipe the lines as they are."""
    lines = [log_line(line.removesuffix("\r")) for line in card.removesuffix("\n").split("\n")]
    if session.room is None:
        session.say(*lines)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console(file=session.answers, force_terminal=True, width=session.room)
    console.print(Markdown("\n".join(lines), hyperlinks=False))
