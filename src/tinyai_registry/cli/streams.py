"""Standard output belongs to the answer; standard error is for whoever looks on, and no work depends on its being read.

Whatever a plugin or a library prints goes to standard error.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any, TextIO


class _Lenient(io.FileIO):
    """A file whose disk may be full, or whose reader may be gone: then what is written is lost."""

    def write(self, data: Any, /) -> Any:
        try:
            return super().write(data)
        except OSError:
            return len(data)


def prepare_streams() -> None:
    """Let no standard stream that we were started without, or that cannot be written, stop us or take our files.

    The next file that is opened takes the place of a closed one, and what is printed would go into that.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
            os.set_inheritable(nowhere, True)
            stream = os.fdopen(nowhere, mode, encoding="utf-8")
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
    raw = _Lenient(sys.stderr.fileno(), "w", closefd=False)
    sys.stderr = io.TextIOWrapper(io.BufferedWriter(raw), sys.stderr.encoding, sys.stderr.errors, line_buffering=True)


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
