"""Where a registered model came from, and so what a newer release of it takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def tell_origin(sidecar: Mapping[str, Any]) -> str:
    """Who made the model of ``sidecar``, which no plugin here declares, and what can be done for it."""
    if "upstream" in sidecar:
        return "others made it; `tinyai import` takes a newer file of its makers"
    if "plugin" in sidecar:
        made_with = "{distribution} {version}".format_map(sidecar["plugin"])
        return f"it was made with {made_with}; install that, or see why `tinyai plugins` does not have it active"
    if "imported_from" in sidecar:
        return "another tool made it; to refresh it here, declare it in a plugin"
    return "another tool made it; `tinyai migrate` puts its sidecar into today's words"
