"""Standard output belongs to the answer. Whatever a plugin or a library prints goes to standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TextIO


@contextmanager
def reserved_stdout() -> Iterator[TextIO]:
    """Yields the real standard output; from here on, everyone else's prints go to standard error, from C too.

    A process's descriptor is not turned back: what a library has buffered is written when the process ends.
    """
    real = sys.stdout
    if real is not sys.__stdout__:  # replaced already, by a test's capture: no descriptor to turn
        with redirect_stdout(sys.stderr):
            yield real
        return
    sys.stdout.flush()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    with answers, redirect_stdout(sys.stderr):
        yield answers
