"""What the processor can do, as far as it shows in the numbers."""

from __future__ import annotations

import torch


def cpu_capability() -> str:
    """The instruction set that torch uses here (``AVX2``, ``AVX512``): it decides the last bits of what is trained."""
    return str(torch.backends.cpu.get_cpu_capability())
