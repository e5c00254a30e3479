"""``registry.json`` as text: rows come, change and go, and every other byte stays.

So a refresh is a small diff also where another tool, or a person, has written the file in a style of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from tinyai_registry.documents import strict_json


class _Item(NamedTuple):
    """One of the models, and what stands between it and the next: a comma and white space."""

    id: Any
    text: str
    gap: str


def with_rows(text: str, rows: Iterable[Mapping[str, Any]]) -> str:
    """The registry ``text``, in strict JSON, with each of ``rows`` in place of the one of the same id.

    A row that is new goes before the first of a later id.
    """
    before, items, after = _parts(text)
    margin = _margin(before)
    for row in rows:
        ids = [item.id for item in items]
        new = _Item(row["id"], _rendered(row, margin), "")
        if new.id in ids:
            at = ids.index(new.id)
            items[at] = new._replace(gap=items[at].gap)
        else:
            later = (n for n, other in enumerate(ids) if isinstance(other, str) and other > new.id)
            items.insert(next(later, len(items)), new)
    others = "".join(item.text + (item.gap or f",\n{margin}") for item in items[:-1])
    return before + others + "".join(item.text for item in items[-1:]) + after


def _parts(text: str) -> tuple[str, list[_Item], str]:
    """What stands before the models, each of them, and what stands after."""
    if not text.endswith("\n"):
        text += "\n"
    start = _models(text)
    spans = list(_spans(text, start))
    if not spans:
        margin = _margin(text[:start])
        return f"{text[:start]}\n{margin}  ", [], f"\n{margin}{text[_next(text, start) :]}"
    starts = [at for _, at, _ in spans]
    items = [
        _Item(value.get("id") if isinstance(value, dict) else None, text[at:end], text[end:following])
        for (value, at, end), following in zip(spans, [*starts[1:], spans[-1][2]], strict=True)
    ]
    return text[: starts[0]], items, text[spans[-1][2] :]


def _models(text: str) -> int:
    """Where the list of models begins, behind its bracket."""
    at = _next(text, 0) + 1
    while True:
        key, at = _value(text, _next(text, at))
        at = _next(text, _next(text, at) + 1)
        if key == "models":
            return at + 1
        _, at = _value(text, at)
        at = _next(text, at) + 1


def _spans(text: str, at: int) -> Iterator[tuple[Any, int, int]]:
    """Each value of the list that begins at ``at``, with where it begins and ends."""
    at = _next(text, at)
    while text[at] != "]":
        value, end = _value(text, at)
        yield value, at, end
        at = _next(text, end)
        if text[at] == ",":
            at = _next(text, at + 1)


_value = json.JSONDecoder().raw_decode
_SPACE = re.compile(r"[ \t\n\r]*")


def _next(text: str, at: int) -> int:
    """Where the white space at ``at`` ends."""
    return _SPACE.match(text, at).end()  # type: ignore[union-attr] # it matches the empty string as well


def _margin(text: str) -> str:
    """What the last line of ``text`` is indented by."""
    line = text[text.rfind("\n") + 1 :]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _rendered(row: Mapping[str, Any], margin: str) -> str:
    return strict_json.dumps(dict(sorted(row.items())), sort_keys=False).rstrip("\n").replace("\n", f"\n{margin}")
