"""What the C runtime makes of a sidecar: for each key that it knows, the first ``"key"`` anywhere in the text.

It has no JSON parser. It looks for the key in quotes, then for the next colon, then for a value. So a nested
object with such a key, or a string that equals one, is read in place of the key that was meant.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinyai_registry.documents.positions import members

MAX_BYTES = 1024 * 1024

# It also takes "features" for "feature_order", but only where that is missing: else an input tensor may be called so.
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


@dataclass(frozen=True)
class Misread:
    """One thing that the C reader does not see as it was meant; ``key`` is None for the whole text."""

    key: str | None
    message: str


def misread(text: str) -> list[Misread]:
    """Each key of the C reader that it would not find, or find in the wrong place, or read amiss, in ``text``.

    ``text`` is strict JSON with an object at the top, in any layout.
    """
    problems = []
    if len(text.encode()) > MAX_BYTES:
        problems.append(Misread(None, f"the C reader takes at most {MAX_BYTES} bytes"))
    values = dict(members(text))
    known = KEYS if "features" not in values or "feature_order" in values else {*KEYS, "features"}
    for key in sorted(known):
        found, start = text.find(f'"{key}"'), values.get(key)
        if start is None and found == -1:
            continue
        # The key that is meant stands, with a colon and blanks, right before its value.
        if start is None or found == -1 or text[found + len(key) + 2 : start].strip() != ":":
            line = text.count("\n", 0, max(found, 0)) + 1
            what = f"takes line {line} for the key {key!r}" if found != -1 else f"does not find the key {key!r}"
            problems.append(Misread(key, f"the C reader {what}"))
        elif text[start] == '"' and "\\" in text[start : text.index('"', start + 1)]:
            problems.append(Misread(key, f"the C reader knows no escapes, and the value of {key!r} has one"))
    return problems
