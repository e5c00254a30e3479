"""Edit ``registry.json`` as text: put or remove a row and leave every other byte alone.

A refresh is then a small diff even where another tool, or a person, wrote the file in a style of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from tinyai_registry.documents import strict_json
from tinyai_registry.documents.positions import members

INDEX = "registry.json"


def nearest_registry(folder: Path) -> Path | None:
    """The registry whose path is nearest to that of ``folder``, which is none: a letter was mistyped, perhaps."""
    found = _nearest_folder(folder)
    return found if found is not None and (found / INDEX).is_file() else None


def describe_missing(folder: Path) -> str:
    """What to say of a ``folder`` that has no ``registry.json``."""
    nearest = nearest_registry(folder)
    mend = f"did you mean {str(nearest)!r}?" if nearest else f"`tinyai init {folder}` makes an empty registry"
    return f"{folder} has no {INDEX}; {mend}"


def _nearest_folder(path: Path) -> Path | None:
    if path.is_dir():
        return path
    above = _nearest_folder(path.parent) if path.parent != path else None
    try:
        names = [each.name for each in above.iterdir() if each.is_dir()] if above else []
    except OSError:
        return None
    near = get_close_matches(path.name, names, n=1)
    return above / near[0] if above and near else None


def put_row(text: str, row: Mapping[str, Any]) -> str:
    """The registry ``text``, in strict JSON, with ``row`` in place of that of its id, else before the first later id.

    It is written in our style, as deep as the rows beside it, and the text ends with a newline.
    """
    text = text if text.endswith("\n") else text + "\n"
    later, last = None, None
    for model, at, end in _models(text):
        if model == row["id"]:
            return text[:at] + _render(row, _margin(text, at)) + text[end:]
        if later is None and isinstance(model, str) and model > row["id"]:
            later = at
        last = at, end
    if later is not None:
        margin = _margin(text, later)
        return f"{text[:later]}{_render(row, margin)},\n{margin}{text[later:]}"
    if last is not None:
        at, end = last
        margin = _margin(text, at)
        return f"{text[:end]},\n{margin}{_render(row, margin)}{text[end:]}"
    start = _list(text)
    margin = _margin(text, start)
    return f"{text[:start]}\n{margin}  {_render(row, margin + '  ')}\n{margin}{text[_next(text, start) :]}"


def remove_row(text: str, model: str) -> str:
    """The registry ``text`` without the row of ``model``, if it has one."""
    places = list(_models(text))
    ids = [each for each, _, _ in places]
    if model not in ids:
        return text
    nth = ids.index(model)
    _, at, end = places[nth]
    if nth + 1 < len(places):
        return text[:at] + text[places[nth + 1][1] :]
    before = places[nth - 1][2] if nth else _list(text)
    return text[:before] + text[end if nth else _next(text, end) :]


def _models(text: str) -> Iterator[tuple[Any, int, int]]:
    """The id of each of the models, None for what has none, with where in ``text`` it begins and ends."""
    at = _next(text, _list(text))
    going_on = text[at] != "]"
    while going_on:
        value, end = _value(text, at)
        yield value.get("id") if isinstance(value, dict) else None, at, end
        after = _next(text, end)
        at, going_on = _next(text, after + 1), text[after] == ","


def _list(text: str) -> int:
    """Where the list of models begins, behind its bracket."""
    return next(start for key, start in members(text) if key == "models") + 1


_value = json.JSONDecoder().raw_decode
_SPACE = re.compile(r"[ \t\n\r]*")


def _next(text: str, at: int) -> int:
    """Where the white space at ``at`` ends."""
    return _SPACE.match(text, at).end()  # type: ignore[union-attr] # it matches the empty string as well


def _margin(text: str, at: int) -> str:
    """What the line is indented by in which ``at`` lies."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _render(row: Mapping[str, Any], margin: str) -> str:
    return strict_json.dumps(dict(sorted(row.items())), sort_keys=False).rstrip("\n").replace("\n", f"\n{margin}")
