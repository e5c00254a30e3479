"""Read and write strict JSON: UTF-8, no duplicate keys, no NaN.

Readers of JSON disagree about what lies outside this subset: a second ``"sha256"`` wins in one and loses in another.
So we read strictly, and write in one style that every reader agrees about.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any, NoReturn

from tinyai_registry.documents.positions import Position, Token, escape_step, position, tokens
from tinyai_registry.errors import DocumentError
from tinyai_registry.files import FileProblemError, Problem, explain, read_bytes

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 64
MAX_DIGITS = 400

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class Fault(Enum):
    """Why a text is not strict JSON."""

    UNREADABLE = "unreadable"
    ENCODING = "encoding"
    SYNTAX = "syntax"
    DUPLICATE_KEY = "duplicate key"
    NUMBER = "number"
    SIZE = "size"
    DEPTH = "depth"


class StrictJsonError(DocumentError):
    """A text is not strict JSON: why, and where."""

    def __init__(self, where: str, fault: Fault, what: str, at: Position | None = None) -> None:
        super().__init__(f"{where}:{at.line}:{at.column}: {what}" if at else f"{where}: {what}")
        self.fault = fault
        self.what = what
        self.at = at or Position(1, 1)


class _FaultyError(ValueError):
    """Raised inside the parser, which knows the number or key that is wrong, and not where it stands."""

    def __init__(self, fault: Fault, word: str, what: str) -> None:
        super().__init__(what)
        self.fault = fault
        self.word = word


def loads(data: bytes, where: str) -> Any:
    """The value in ``data``; ``where`` names its origin in messages.

    Raises StrictJsonError for anything but strict JSON: another encoding, a byte order mark, a duplicate key,
    half a surrogate pair, NaN or infinity (also as ``1e999``), an integer of over 400 digits or beyond the range of a
    double, more than 64 levels, more than 16 MiB.
    """
    if len(data) > MAX_BYTES:
        raise StrictJsonError(where, Fault.SIZE, f"{len(data)} bytes; a document has at most {MAX_BYTES}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise StrictJsonError(where, Fault.ENCODING, f"byte {error.start} is not UTF-8") from error
    if text.startswith("\N{BYTE ORDER MARK}"):
        raise StrictJsonError(where, Fault.ENCODING, "begins with a byte order mark", Position(1, 1))
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_no_constant, parse_float=_float, parse_int=_int
        )
        depth = _depth(value)
    except RecursionError:
        depth = MAX_DEPTH + 1
    except json.JSONDecodeError as error:
        at = Position(error.lineno, error.colno)
        raise StrictJsonError(where, Fault.SYNTAX, error.msg, at) from error
    except _FaultyError as error:
        raise StrictJsonError(where, error.fault, str(error), _FINDERS[error.fault](text, error.word)) from error
    if depth > MAX_DEPTH:
        raise StrictJsonError(where, Fault.DEPTH, f"nested too deeply, more than {MAX_DEPTH} levels", _at_depth(text))
    if _SURROGATE.search(text) and _is_half(value):
        what = "half of a character (\\ud800 to \\udfff, alone) stands for nothing"
        raise StrictJsonError(where, Fault.ENCODING, what, _first(text, lambda token: _is_half(_key_and_value(token))))
    return value


def glance(data: bytes, where: str) -> Any:
    """The value in ``data`` as any reader of JSON has it, in less than half the time: to show it, and to judge nothing.

    Raises StrictJsonError for what is no JSON, and for more than 16 MiB; whatever else ``loads`` refuses is let pass.
    """
    if len(data) > MAX_BYTES:
        raise StrictJsonError(where, Fault.SIZE, f"{len(data)} bytes; a document has at most {MAX_BYTES}")
    try:
        return json.loads(data.decode())
    except (RecursionError, ValueError):
        return loads(data, where)  # it says what is wrong, and where


def read(path: Path) -> Any:
    """The value in the file at ``path``. Raises StrictJsonError, also where the file cannot be read."""
    return loads(bytes_of(path), str(path))


def bytes_of(path: Path) -> bytes:
    """What is in the file at ``path``. Raises StrictJsonError where it cannot be read."""
    try:
        return read_bytes(path, MAX_BYTES)
    except FileProblemError as error:
        fault = Fault.SIZE if error.problem is Problem.SIZE else Fault.UNREADABLE
        raise StrictJsonError(str(path), fault, error.what) from error
    except OSError as error:
        raise StrictJsonError(str(path), Fault.UNREADABLE, explain(error)) from error


def dumps(value: Any, *, sort_keys: bool = True) -> str:
    """Two-space indent, ASCII escapes, a newline at the end; sorted keys unless told otherwise.

    Raises ValueError for NaN and infinities, which JSON does not have.
    """
    return json.dumps(value, indent=2, sort_keys=sort_keys, ensure_ascii=True, allow_nan=False) + "\n"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise _FaultyError(Fault.DUPLICATE_KEY, twice, f"the key {twice[:100]!r} stands twice in one object")
    return result


def _no_constant(text: str) -> NoReturn:
    raise _FaultyError(Fault.NUMBER, text, f"{text} is not JSON")


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _FaultyError(Fault.NUMBER, text, f"{text[:40]} is beyond the range of a double")
    return number


def _int(text: str) -> int:
    if len(text.lstrip("-")) > MAX_DIGITS:
        raise _FaultyError(Fault.NUMBER, text, f"a number of {len(text.lstrip('-'))} digits")
    _float(text)  # or a reader with doubles makes infinity of it
    return int(text)


def _depth(value: Any) -> int:
    """How deep ``value`` is nested; Python's own parser has a limit that differs from version to version."""
    level, depth = [value], 0
    while level := [each for each in level if isinstance(each, (dict, list))]:
        level = [inner for each in level for inner in (each.values() if isinstance(each, dict) else each)]
        depth += 1
    return depth


def _first(text: str, is_it: Callable[[Token], bool]) -> Position | None:
    found = next(filter(is_it, tokens(text)), None)
    return position(text, found.start, len(found.text)) if found else None


def _is_half(value: Any) -> bool:
    """Whether a string in ``value`` has half of a surrogate pair, which only an escape can produce."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _key_and_value(token: Token) -> tuple[str, Any]:
    """The last key on the way to ``token``, and its value if that is a string."""
    return token.pointer.rpartition("/")[2], json.loads(token.text) if token.text.startswith('"') else None


def _at_depth(text: str) -> Position | None:
    return _first(text, lambda token: token.depth >= MAX_DEPTH)


def _find_second_key(text: str, key: str) -> Position | None:
    seen: set[str] = set()
    end = f"/{escape_step(key)}"

    def again(token: Token) -> bool:
        known = token.pointer in seen
        seen.add(token.pointer)
        return known and token.pointer.endswith(end)

    return _first(text, again)


def _find_number(text: str, number: str) -> Position | None:
    return _first(text, lambda token: token.text == number)


_FINDERS: dict[Fault, Callable[[str, str], Position | None]] = {
    Fault.DUPLICATE_KEY: _find_second_key,
    Fault.NUMBER: _find_number,
}
