"""What the processor can do, as far as it shows in the numbers."""

from __future__ import annotations

import torch


def cpu_capability() -> str:
    """The instruction set that torch uses here (``AVX2``, ``AVX512``): sums in another order differ in the last bits."""
    return str(torch.backends.cpu.get_cpu_capability())
