"""Columns of text, without rich, whose import takes longer than most commands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tinyai_registry.text import printable, shorten

# A name that is longer is cut: its line would push every other off the screen.
MOST = 64


def align(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Each of ``rows`` as a line, its cells as wide as the widest of their column, whatever words are in them."""
    shown = [[printable(shorten(cell, MOST)) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for row in shown:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
