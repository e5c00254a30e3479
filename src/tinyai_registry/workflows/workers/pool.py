"""What work is handed to, whoever is behind it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass


@dataclass(frozen=True)
class Pool:
    """An executor, and how many pieces of work it is given at a time.

    ``killed`` are the errors by which a future says that its own work has killed workers again and again; ``watch``
    raises EngineError if there is nobody behind the executor any more.
    """

    executor: Executor
    width: int
    killed: tuple[type[Exception], ...] = ()
    watch: Callable[[], None] = lambda: None
