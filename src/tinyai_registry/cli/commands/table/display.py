"""Show how a table comes to be, on standard error: a bar on a terminal, and what is worth telling in the end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tinyai_registry.cli.answer import tell
from tinyai_registry.cli.steps import Steps
from tinyai_registry.text import count

if TYPE_CHECKING:
    from tinyai_registry.tables.built import Built


class TableDisplay(Steps):
    """What the steps show, and what is worth telling in the end; nothing at all if ``quiet``."""

    def tell(self, built: Built, output: Path) -> None:
        """What became of a table that was written."""
        table = built.record["table"]
        made = f"{count(built.rows, 'row')} from {built.sources}"
        self.say(*(f"note: {note}" for note in built.notes), f"{output}: {made}, sha256 {table['sha256']}")

    def say(self, *lines: str) -> None:
        """Each of ``lines`` as one line, whatever words are in it."""
        if not self.quiet:
            tell(*lines)
