"""How far a step of a story is: a bar on a terminal, and elsewhere a line for each tenth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tinyai_registry.cli.answer import tell
from tinyai_registry.text import log_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

TENTHS = 10


class Shown(Protocol):
    """What people see of a step."""

    def move(self, done: int, total: int, of: str, taken: float) -> None:
        """So many of ``total`` pieces are done after ``taken`` seconds; ``of`` says what they are."""

    def close(self) -> None:
        """The step is over."""


class Bar:
    """A bar on ``console``, which goes away at the end."""

    def __init__(self, console: Console, name: str) -> None:
        self.console, self.name = console, log_line(name)
        self._bars: Progress | None = None

    def move(self, done: int, total: int, of: str, taken: float) -> None:
        """Draw it."""
        if self._bars is None:
            self._bars = _begin(self.console)
            self._bars.add_task(self.name, pieces="")
        pieces = f"of {log_line(of)}" if of else ""
        self._bars.update(self._bars.task_ids[0], completed=done, total=total, pieces=pieces, refresh=True)

    def close(self) -> None:
        """Take it away."""
        if self._bars is not None:
            self._bars.stop()


def _begin(console: Console) -> Progress:
    from rich import progress as rich  # noqa: PLC0415 - only where there is a terminal

    name, pieces = (rich.TextColumn(words, markup=False) for words in ("{task.description}", "{task.fields[pieces]}"))
    columns = (name, rich.BarColumn(20), rich.TaskProgressColumn(), pieces, rich.TimeRemainingColumn())
    # Drawn when it moves: a thread that draws would take its time from the training.
    bars = rich.Progress(*columns, console=console, transient=True, auto_refresh=False)
    bars.start()
    return bars


class Tenths:
    """A line on standard error for each tenth that has been done, with the time that is left."""

    def __init__(self, name: str) -> None:
        self.name, self._told = log_line(name), 0

    def move(self, done: int, total: int, of: str, taken: float) -> None:
        """Write a line, if another tenth is done."""
        tenths = done * TENTHS // total
        if tenths <= self._told:
            return
        self._told = tenths
        pieces = f" of {of}" if of else ""
        left = f", {taken / done * (total - done):.0f} s left" if done < total else ""
        tell(f"  {self.name} {tenths * 100 // TENTHS} %{pieces}{left}")

    def close(self) -> None:
        """Nothing is left to take away."""
