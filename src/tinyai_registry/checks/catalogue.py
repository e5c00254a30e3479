"""Every rule there is, by its code."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

from tinyai_registry.checks import files, graph, identity, reading, weights
from tinyai_registry.checks.finding import Rule

# The modules that declare rules, as constants. A test finds one that is missing here.
FAMILIES: tuple[ModuleType, ...] = (reading, identity, files, weights, graph)


def rules() -> Mapping[str, Rule]:
    """The rules of all families, in the order of their codes."""
    declared = {rule.code: rule for family in FAMILIES for rule in vars(family).values() if isinstance(rule, Rule)}
    return dict(sorted(declared.items()))
