"""What a schema that came with a model may ask of a checker: nothing that takes for ever, or leads elsewhere.

A schema costs a few bytes to write and may cost hours to check: definitions that ask for the next one twice, patterns
that a backtracking matcher tries in every way there is. So it is measured before it is used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

# Nothing that a pattern describes is longer, and no pattern is tried on more.
LONGEST_MATCHED = 256
# Nodes of a schema with every reference replaced by what it refers to.
MAX_NODES = 10_000
# On a text as long as LONGEST_MATCHED, a pattern with so many open repetitions takes at most a second.
MAX_REPETITIONS = 3

_ATOM = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]")
_ELSEWHERE = {"$dynamicRef", "$recursiveRef"}


class UnboundedError(ValueError):
    """A schema that might take for ever; the message says why."""


def require_bounded(schema: Mapping[str, Any], document: Any) -> None:
    """Raise UnboundedError unless checking ``document`` against ``schema`` ends soon, and on this machine."""
    if any(len(key) > LONGEST_MATCHED for each in _objects(document) for key in each):
        raise UnboundedError(f"a field's name has more than {LONGEST_MATCHED} characters")
    for node in _objects(schema):
        if _ELSEWHERE & node.keys() or (node is not schema and isinstance(node.get("$id"), str)):
            raise UnboundedError("only references of the form #/$defs/NAME are followed")
        patterns = node.get("patternProperties")
        for pattern in (node.get("pattern"), *(patterns if isinstance(patterns, dict) else ())):
            if isinstance(pattern, str):
                _require_plain(pattern)
    _nodes(schema, schema, {}, ())


def _objects(node: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(node, dict):
        yield node
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _objects(inner)


def _require_plain(pattern: str) -> None:
    atoms = _ATOM.sub("a", pattern)
    open_repetitions = re.findall(r"[*+?]|\{\d*,", re.sub(r"\(\?[:=!]", "(", atoms))
    if len(open_repetitions) > MAX_REPETITIONS or re.search(r"\)[*+{]|\(\?", re.sub(r"\(\?[:=!]", "(", atoms)):
        raise UnboundedError(f"the pattern {pattern[:60]} repeats too much; on some texts it would take for ever")


def _nodes(node: Any, schema: Any, known: dict[str, int], inside: tuple[str, ...]) -> int:
    """How many nodes there are in ``node``, references resolved; ``known`` has those of references seen before."""
    if not isinstance(node, dict | list):
        return 1
    total = 1 + sum(_nodes(each, schema, known, inside) for each in (node.values() if isinstance(node, dict) else node))
    reference = node.get("$ref") if isinstance(node, dict) else None
    if isinstance(reference, str):
        if reference in inside:
            raise UnboundedError(f"it refers to itself, by {reference[:60]}")
        if reference not in known:
            known[reference] = _nodes(_target(schema, reference), schema, known, (*inside, reference))
        total += known[reference]
    if total > MAX_NODES:
        raise UnboundedError(f"it has more than {MAX_NODES} parts, references resolved")
    return total


def _target(schema: Any, reference: str) -> Any:
    """What ``reference`` leads to inside ``schema``; nothing where it leads elsewhere, as nobody follows it there."""
    root, *steps = reference.split("/")
    found = schema if root == "#" else None
    for step in steps:
        key = unquote(step).replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and key.isdecimal() and int(key) < len(found):
            found = found[int(key)]
        else:
            found = found.get(key) if isinstance(found, dict) else None
    return found
