"""Standard output belongs to the answer. Whatever a plugin or a library prints goes to standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TextIO


@contextmanager
def reserved_stdout() -> Iterator[TextIO]:
    """Yields the real standard output; within, everyone else's prints go to standard error, from C too."""
    real = sys.stdout
    real.flush()
    if real is not sys.__stdout__:  # replaced already, by a test's capture: no descriptor to turn
        with redirect_stdout(sys.stderr):
            yield real
        return
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr), os.fdopen(os.dup(kept), "w", encoding="utf-8") as answers:
            yield answers
    finally:
        os.dup2(kept, 1)
        os.close(kept)
