"""What the process that workers are copies of imports beside their work, and nobody else does."""

from __future__ import annotations

import sys
from types import TracebackType


def _tell(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Write what has stopped a worker that begins, but not that it finds nothing of who asked for it.

    That one was interrupted just then and has ended, or it sees for itself that it has lost a worker.
    """
    if not isinstance(error, FileNotFoundError | EOFError):
        sys.__excepthook__(kind, error, traceback)


sys.excepthook = _tell
