"""The processor: what it can do, as far as it shows in the numbers, and how much of it is taken."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


def cpu_capability() -> str:
    """The instruction set that torch uses here (``AVX2``, ``AVX512``): it decides the last bits of what is trained."""
    return str(torch.backends.cpu.get_cpu_capability())


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Within the block torch takes ``count`` threads, and so does whoever trains with it."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
