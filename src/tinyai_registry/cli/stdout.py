"""Standard output belongs to the answer. Whatever a plugin or a library prints goes to standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TextIO


@contextmanager
def reserve_stdout() -> Iterator[TextIO]:
    """Yield the real standard output; within, everyone else's prints go to standard error, from C too.

    The descriptor of a process is not turned back: what a library has buffered is written when the process ends.
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
