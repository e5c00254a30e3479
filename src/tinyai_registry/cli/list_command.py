"""``tinyai list``."""

from __future__ import annotations

from pathlib import Path

import click

from tinyai_registry.cli.session import Session, in_session, registry_option
from tinyai_registry.text import printable

COLUMNS = ("id", "kind", "opset", "license", "onnx")


@click.command()
@registry_option
@in_session
def command(session: Session, registry: Path | None) -> int:
    """List the models of a registry."""
    rows = session.open_to_read(registry).rows
    if session.as_json:
        session.answer({"models": rows})
        return 0
    lines = [COLUMNS, *(tuple(printable(str(row.get(column, "-"))) for column in COLUMNS) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        session.say("  ".join(padded).rstrip())
    return 0
