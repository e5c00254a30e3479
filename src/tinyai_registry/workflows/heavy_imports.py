"""What takes seconds to import, without the garbage collector."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """The garbage collector rests, and never looks at what the block has made.

    Imported modules live as long as the process. To scan them again and again takes a tenth of the time that torch,
    pandas and scipy take to be imported.
    """
    collected = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collected:
            gc.enable()
