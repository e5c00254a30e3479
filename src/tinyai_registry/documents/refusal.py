"""Why a gate refused, in one phrase, from a verdict as log and sidecar have it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinyai_registry.text import figure


def refusal(verdict: Mapping[str, Any]) -> str:
    """The criterion and the value that was measured, or why there was none.

    >>> refusal({"criterion": "mean PLCC over folds >= 0.95", "value": 0.9123456, "passed": False})
    'mean PLCC over folds >= 0.95: 0.9123'
    >>> refusal({"criterion": "every group held out once (11 folds)", "value": 10.0, "passed": False})
    'every group held out once (11 folds): 10'
    """
    value = verdict.get("value")
    shown = verdict.get("reason") or "undefined" if value is None else figure(value)
    return f"{verdict.get('criterion')}: {shown}"
