"""Collect the rules of all families, by code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import ModuleType

from tinyai_registry.checks import (
    attested,
    calling,
    evidence,
    feeding,
    files,
    graph,
    growth,
    history,
    identity,
    licence,
    lineage,
    local_names,
    operators,
    pinned,
    reading,
    schemas,
    signatures,
    sizes,
    twins,
    unregistered,
    weights,
)
from tinyai_registry.checks import running as loading
from tinyai_registry.checks.finding import Rule

FAMILIES = (
    reading,
    schemas,
    identity,
    files,
    weights,
    graph,
    local_names,
    operators,
    sizes,
    pinned,
    calling,
    feeding,
    evidence,
    history,
    growth,
    twins,
    signatures,
    attested,
    licence,
    lineage,
    unregistered,
    loading,
)


# The families that a validation looks for only when it is asked to, by the option that asks.
ON_REQUEST = {"--load": loading, "--since": growth, "--logs": lineage}


def rules(families: Iterable[ModuleType] | None = None) -> Mapping[str, Rule]:
    """The rules of ``families``, else all, by code, in the order of codes."""
    found = [
        value
        for family in (FAMILIES if families is None else families)
        for value in vars(family).values()
        if isinstance(value, Rule)
    ]
    return {rule.code: rule for rule in sorted(found, key=lambda rule: rule.code)}
