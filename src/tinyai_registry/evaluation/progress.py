"""What a story tells whoever is watching, and how long each step took."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tinyai_registry.evaluation import Fold


class Progress:
    """Measures; a subclass also shows."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """One step of the story, timed in wall-clock seconds."""
        self.begin(name)
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = time.perf_counter() - start
            self.end(name)

    def begin(self, name: str) -> None:
        """A step has begun."""

    def end(self, name: str) -> None:
        """It has ended, well or not."""

    def advance(self, done: int, total: int) -> None:
        """So many of ``total`` pieces of the step's work are done."""

    def fold(self, fold: Fold, before: Mapping[str, Any] | None = None) -> None:
        """A fold has been evaluated; ``before`` are the figures of the same fold in the registered release."""
