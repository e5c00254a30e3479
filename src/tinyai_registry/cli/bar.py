"""How far a step of a story is: a bar on a terminal, and elsewhere a line for each tenth. Imports rich."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from tinyai_registry.text import log_line

TENTHS = 10


class Bar:
    """What is shown of the step ``name``; nothing until its first piece of work is done, or if the console is quiet."""

    def __init__(self, console: Console, name: str) -> None:
        self.console, self.name = console, log_line(name)
        self._bars: Progress | None = None
        self._begun = time.monotonic()
        self._told = 0

    def advance(self, done: int, total: int) -> None:
        """So many of ``total`` pieces are done."""
        if self.console.is_terminal:
            self._move(done, total)
        elif done * TENTHS // total > self._told:
            self._told = done * TENTHS // total
            self._tell(done, total)

    def close(self) -> None:
        """Take the bar away."""
        if self._bars is not None:
            self._bars.stop()

    def _move(self, done: int, total: int) -> None:
        if self._bars is None:
            columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn())
            # Drawn when it moves, a few times a second: a thread that draws would take its time from the training.
            self._bars = Progress(
                *columns, TimeRemainingColumn(), console=self.console, transient=True, auto_refresh=False
            )
            self._bars.start()
            self._bars.add_task(self.name, total=total)
        self._bars.update(self._bars.task_ids[0], completed=done, refresh=True)

    def _tell(self, done: int, total: int) -> None:
        taken = time.monotonic() - self._begun
        left = f", {taken / done * (total - done):.0f} s left" if done < total else ""
        line = Text(f"  {self.name} {self._told * 100 // TENTHS} %{left}", style="dim")
        self.console.print(line, soft_wrap=True)
