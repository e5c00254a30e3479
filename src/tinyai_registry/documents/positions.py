"""Find where things stand in a JSON text: values by their pointers, and the members of the object at the top."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_TOKEN = re.compile(r'"[^"\\\n]*(?:\\.[^"\\\n]*)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_GAP = re.compile(r"[\s,:]+")
_parse = json.JSONDecoder().raw_decode
# strict_json reads no document that is nested as deeply; pointers grow with depth, so the search stops here.
_DEEPEST = 100
# At most so many characters are underlined.
_LONGEST = 80


@dataclass(frozen=True)
class Position:
    """Line and column count from 1, the column in characters; ``length`` is that of the value's first token."""

    line: int
    column: int
    length: int = 1


@dataclass(frozen=True)
class Token:
    """One value (an object or a list stands for its opening bracket): its JSON pointer, text, place and depth."""

    pointer: str
    text: str
    start: int
    depth: int


@dataclass
class _Level:
    pointer: str
    is_object: bool
    key: str | None = None
    index: int = 0


def tokens(text: str) -> Iterator[Token]:
    """Every value of ``text`` in order, as far as it is JSON; a key that stands twice gives its pointer twice."""
    levels: list[_Level] = []
    for match in _TOKEN.finditer(text):
        word, level = match.group(), levels[-1] if levels else None
        if word in "}]":
            del levels[-1:]
        elif word == ",":
            if level is not None:
                level.index, level.key = level.index + 1, None
        elif word == ":":
            continue
        elif level is not None and level.is_object and level.key is None:
            level.key = _unquote(word)
        else:
            pointer = "" if level is None else f"{level.pointer}/{_step(level)}"
            yield Token(pointer, word, match.start(), len(levels))
            if len(levels) > _DEEPEST:
                return
            if word in "{[":
                levels.append(_Level(pointer, word == "{"))


def members(text: str) -> Iterator[tuple[str, int]]:
    """Each key of the object that strict JSON has at the top, with the start of its value, at a parser's speed."""
    at = text.index("{") + 1
    while text[at := _after_gap(text, at)] != "}":
        key, at = _parse(text, at)
        at = _after_gap(text, at)
        yield key, at
        _, at = _parse(text, at)


def position(text: str, start: int, length: int = 1) -> Position:
    """Line and column of the character at ``start``."""
    return _position(_lines(text), start, length)


def positions(text: str, pointers: set[str]) -> dict[str, Position]:
    """The places of those of ``pointers`` that ``text`` has; of another, the nearest that holds it."""
    known: dict[str, Token] = {}
    wanted = {above for pointer in pointers for above in _upwards(pointer)}
    for token in tokens(text):
        if token.pointer in wanted:
            known.setdefault(token.pointer, token)
    lines = _lines(text)
    places = {pointer: _position(lines, token.start, len(token.text)) for pointer, token in known.items()}
    whole = places.get("", Position(1, 1))
    return {each: next((places[above] for above in _upwards(each) if above in places), whole) for each in pointers}


def _after_gap(text: str, at: int) -> int:
    match = _GAP.match(text, at)
    return at if match is None else match.end()


def _lines(text: str) -> list[int]:
    """Where each line begins."""
    return [0, *(match.end() for match in re.finditer("\n", text))]


def _position(lines: Sequence[int], start: int, length: int) -> Position:
    line = bisect_right(lines, start)
    return Position(line, start - lines[line - 1] + 1, max(1, min(length, _LONGEST)))


def escape_step(step: str) -> str:
    """``step`` as part of a JSON pointer (RFC 6901)."""
    return step.replace("~", "~0").replace("/", "~1")


def _upwards(pointer: str) -> Iterator[str]:
    yield pointer
    while pointer:
        pointer = pointer.rpartition("/")[0]
        yield pointer


def _step(level: _Level) -> str:
    return escape_step(level.key or "") if level.is_object else str(level.index)


def _unquote(token: str) -> str:
    if "\\" not in token:
        return token[1:-1]
    try:
        return str(json.loads(token))
    except ValueError:
        return token
