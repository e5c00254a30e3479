"""Who does the work of a command that is done in parts. Imports nothing that it takes to do it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Engine:
    """Who does the work: ``jobs`` processes of this machine, or Dask's workers, of those at ``scheduler`` if named."""

    name: Literal["processes", "dask"] = "processes"
    jobs: int = field(default_factory=lambda: os.cpu_count() or 1)
    scheduler: str | None = None

    def threads(self, items: int) -> int:
        """How many threads each worker may take, if there are ``items`` of work: all together as many as cores."""
        return max(1, (os.cpu_count() or 1) // max(1, min(self.jobs, items)))
