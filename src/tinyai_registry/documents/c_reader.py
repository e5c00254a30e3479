"""What the C runtime makes of a sidecar: for each key that it knows, the first ``"key"`` anywhere in the text.

It has no JSON parser. It looks for the key in quotes, then for the next colon, then for a value. So a nested
object with such a key, or a string that equals one, is read in place of the key that was meant.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

MAX_BYTES = 1024 * 1024

# It also takes "features" for "feature_order", but only where that is missing, and ours never is: so an input tensor
# may be called so.
KEYS = frozenset(
    {
        "kind",
        "name",
        "input_name",
        "output_name",
        "onnx_opset",
        "quant_mode",
        "output_names",
        "feature_order",
        "feature_mean",
        "input_mean",
        "feature_std",
        "input_std",
        "onnx_has_scaler",
        "encoder_vocab",
    }
)


def misread(text: str) -> list[str]:
    """One line for each key of the C reader that it would not find, or find in the wrong place, in ``text``.

    ``text`` is strict JSON with an object at the top, as :func:`tinyai_registry.documents.strict_json.dumps`
    writes it.
    """
    problems = []
    if len(text.encode()) > MAX_BYTES:
        problems.append(f"the C reader takes at most {MAX_BYTES} bytes")
    document: Mapping[str, Any] = json.loads(text)
    for key in sorted(KEYS):
        meant = text.find(f"\n  {json.dumps(key)}:") + 3 if key in document else -1
        found = text.find(json.dumps(key))
        if found != meant:
            line = text.count("\n", 0, found) + 1
            problems.append(f"the C reader takes line {line} for the key {key!r}")
    return problems
