"""Show how a table comes to be, on standard error: a bar on a terminal, and what is worth telling in the end."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

import click

from tinyai_registry.evaluation.progress import Progress
from tinyai_registry.text import log_line

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from tinyai_registry.tables.built import Built


class TableDisplay(Progress):
    """A bar for the step that is under way, where standard error is a terminal; nothing at all if ``quiet``."""

    def __init__(self, quiet: bool) -> None:
        super().__init__()
        self.quiet = quiet
        self._stack = ExitStack()
        self._bars: Bars | None = None
        self._bar: TaskID | None = None

    def __enter__(self) -> Self:
        if not self.quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress as Bars

            self._bars = self._stack.enter_context(Bars(console=Console(stderr=True), transient=True))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def begin(self, name: str) -> None:
        """A bar of its own for each step."""
        if self._bars is not None:
            self._bar = self._bars.add_task(name, total=None)

    def advance(self, done: int, total: int) -> None:
        """Move the bar of the step."""
        if self._bars is not None and self._bar is not None:
            self._bars.update(self._bar, completed=done, total=total)

    def tell(self, built: Built, output: Path) -> None:
        """What became of a table that was written."""
        table = built.record["table"]
        made = f"{built.rows} rows from {built.sources}"
        self.say(*(f"note: {note}" for note in built.notes), f"{output}: {made}, sha256 {table['sha256']}")

    def say(self, *lines: str) -> None:
        """Each of ``lines`` as one line, whatever words are in it."""
        for line in lines if not self.quiet else ():
            click.echo(log_line(line), err=True)
