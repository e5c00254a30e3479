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
