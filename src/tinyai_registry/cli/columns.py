"""Columns of text, without rich, whose import takes longer than most commands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tinyai_registry.text import printable, shorten

# A name that is longer is cut: its line would push every other off the screen.
MOST = 64


# No cell is cut to less than this, however narrow the terminal is.
LEAST = 8
GAP = "  "


def align(rows: Sequence[Sequence[str]], room: int | None = None) -> Iterator[str]:
    """Each of ``rows`` as a line, its cells as wide as the widest of their column, whatever words are in them.

    Where lines would take more than ``room`` characters, cells of the last column are cut at their end, then those of
    the widest in the middle: names of a family differ at both ends.
    """
    shown = [[printable(shorten(cell, MOST)) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for _ in range(0 if room is None else sum(widths) + len(GAP) * (len(widths) - 1) - room):
        widest = -1 if widths[-1] > LEAST else widths.index(max(widths))
        widths[widest] = max(widths[widest] - 1, LEAST)
    tails = (*(width // 2 for width in widths[:-1]), 0)
    for row in shown:
        yield GAP.join(map(_fit, row, widths, tails)).rstrip()


def _fit(cell: str, width: int, tail: int) -> str:
    """``cell`` in ``width`` characters; where it is cut, its last ``tail`` stay."""
    return cell.ljust(width) if len(cell) <= width else f"{cell[: width - 1 - tail]}…{cell[len(cell) - tail :]}"
