"""Work of which some kills whoever does it: workers import it by the name of this module."""

from __future__ import annotations

import os
import signal

from tinyai_registry.workflows.load import Share, Told, try_models


def try_or_die(share: Share) -> list[Told]:
    """As ``try_models``, but that the model ``hostile`` kills its worker."""
    if any(each.row["id"] == "hostile" for each in share.models):
        os.kill(os.getpid(), signal.SIGKILL)
    return try_models(share)
