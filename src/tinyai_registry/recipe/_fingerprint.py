"""The fingerprint that locks a recipe: what it covers, and how anyone can recompute it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

from tinyai_registry.recipe._criteria import Criterion
from tinyai_registry.recipe._declaration import Recipe
from tinyai_registry.recipe._inputs import Input, Lookup
from tinyai_registry.recipe._protocols import Protocol
from tinyai_registry.recipe._rows import Where

# Each of these stands where no other could; of alternatives, such as schemes and networks, the name is kept.
UNTAGGED = Recipe | Input | Criterion | Lookup | Protocol | Where


def decisive(recipe: Recipe) -> dict[str, Any]:
    """The recipe as the sidecar keeps it: JSON types, decisive fields that differ from their default.

    ``kind`` is left out: the C reader takes the first ``"kind"`` of the sidecar, which must be the one at
    top level. A protocol is decisive where it has criteria: then it can refuse.
    """
    document: dict[str, Any] = plain(recipe)
    del document["kind"]
    if recipe.judged_protocols:
        document["protocols"] = plain(recipe.judged_protocols)
    return document


def fingerprint(decisive_fields: Mapping[str, Any]) -> str:
    """SHA-256, in hex, of the canonical JSON of :func:`decisive`; anyone can recompute it from a sidecar."""
    canonical = json.dumps(decisive_fields, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def plain(value: Any) -> Any:
    """A noun of the recipe language as JSON, without the fields that have their default."""
    if is_dataclass(value) and not isinstance(value, type):
        kept = {
            f.name: plain(getattr(value, f.name))
            for f in fields(value)
            if not f.metadata.get("descriptive") and (f.default is MISSING or getattr(value, f.name) != f.default)
        }
        return kept if isinstance(value, UNTAGGED) else {type(value).__name__: kept}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value
