"""``tinyai show MODEL``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import wrap
from typing import Any

import click

from tinyai_registry.cli.session import Session, in_session, registry_option
from tinyai_registry.documents import front_matter, strict_json
from tinyai_registry.store.snapshot import read_documents
from tinyai_registry.text import log_line, printable


@click.command()
@click.argument("model")
@registry_option
@in_session
def command(session: Session, model: str, registry: Path | None) -> int:
    """Show one registered model.

    Its card, if the release has one; else, on a terminal, what row and sidecar say of it, in a pipe both as they are.
    """
    release = read_documents(session.open_to_read(registry).root, model)
    document = {"row": release.row, "sidecar": release.sidecar}
    card = release.files.get(f"{release.stem}.md")
    if session.as_json:
        session.answer(document)
    elif card is not None:
        _show(session, front_matter.strip(card.decode("utf-8", errors="replace")))
    elif session.room is not None:
        session.say(*_page(release.row, release.sidecar or {}, session.room))
    else:
        session.answers.write(strict_json.dumps(document))
    return 0


def _page(row: Mapping[str, Any], sidecar: Mapping[str, Any], room: int) -> Iterator[str]:
    """What of a release without a card is asked for most, whichever dialect its sidecar is of."""
    said = {**row, **sidecar}
    cells = {label: next((said[key] for key in keys if key in said), None) for label, keys in _TOLD.items()}
    width = max(map(len, cells)) + 2
    for label, value in cells.items():
        words = ", ".join(map(str, value)) if isinstance(value, list) else str(value or "-")
        yield from wrap(f"{label:<{width}}{printable(words)}", max(room, 2 * width), subsequent_indent=" " * width)
    yield "it has no card yet: the first refresh or import writes one; `--json` has all of row and sidecar"


# What a line is called, and the keys that it is under, today's first.
_TOLD = {
    "id": ("id",),
    "kind": ("kind",),
    "licence": ("license",),
    "file": ("onnx",),
    "opset": ("opset", "onnx_opset"),
    "inputs": ("input_names", "input_name"),
    "outputs": ("output_names", "output_name"),
    "features": ("feature_order", "features"),
    "notes": ("notes",),
}


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
