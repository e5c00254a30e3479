"""What the process that workers are copies of imports beside their work, and nobody else does."""

from __future__ import annotations

import sys
from types import TracebackType


def _tell(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Write what has stopped a worker that begins, but not what the system refuses it, or that nobody asked for it.

    Whoever asked was interrupted just then and has ended, or sees for itself that it has lost a worker, and says so.
    """
    if not isinstance(error, OSError | EOFError):
        sys.__excepthook__(kind, error, traceback)


sys.excepthook = _tell
