"""Show the steps of a story on standard error, and how far each is."""

from __future__ import annotations

import sys
import time
from functools import cached_property
from typing import TYPE_CHECKING

from tinyai_registry.cli.bar import Bar, Shown, Tenths
from tinyai_registry.evaluation.progress import Progress

if TYPE_CHECKING:
    from rich.console import Console

# Seconds: a step that is over sooner is not worth a bar, and what is shown of it changes no more often than this.
PATIENCE, PAUSE = 0.5, 0.1


class Steps(Progress):
    """A bar for the step that is under way, or a line for each tenth; nothing at all if ``quiet``."""

    def __init__(self, quiet: bool) -> None:
        super().__init__()
        self.quiet = quiet
        self._shown: Shown | None = None
        self._begun = self._moved = 0.0

    @cached_property
    def console(self) -> Console:
        """Where bars are drawn, and everything else while one is. It takes rich."""
        from rich.console import Console  # noqa: PLC0415 - not needed in a pipe

        return Console(stderr=True, quiet=self.quiet, highlight=False)

    def begin(self, name: str) -> None:
        """Nothing is shown of a step until it has lasted a while."""
        self._begun = time.monotonic()
        if not self.quiet:
            self._shown = Bar(self.console, name) if sys.stderr.isatty() else Tenths(name)

    def advance(self, done: int, total: int, of: str = "") -> None:
        """Move the step's bar, or write a line for each tenth where there is no terminal."""
        now = time.monotonic()
        soon = now < self._begun + PATIENCE or (done < total and now < self._moved + PAUSE)
        if self._shown is None or total <= 0 or soon:
            return
        self._shown.move(done, total, of, now - self._begun)
        self._moved = now

    def end(self, name: str) -> None:
        """Take the bar away."""
        if self._shown is not None:
            self._shown.close()
            self._shown = None
