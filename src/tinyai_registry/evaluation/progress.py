"""What a story tells whoever is watching, and how long each step took."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from tinyai_registry.evaluation import Fold

Piece = TypeVar("Piece")


class Progress:
    """Measures the steps of a story; a subclass also shows them, and how far each is."""

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

    def advance(self, done: int, total: int, of: str = "") -> None:
        """So many of ``total`` pieces of the step's work are done; ``of`` says, in words, what the work is.

        It may be called as often as is convenient.
        """

    def each(self, pieces: Sequence[Piece], of: str) -> Iterator[Piece]:
        """Each of ``pieces``; one is done when the next is asked for."""
        for done, piece in enumerate(pieces, 1):
            yield piece
            self.advance(done, len(pieces), of)

    def fold(self, fold: Fold, before: Mapping[str, Any] | None = None) -> None:
        """A fold has been evaluated; ``before`` are the figures of the same fold in the registered release."""
