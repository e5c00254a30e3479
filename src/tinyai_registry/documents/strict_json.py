"""JSON that means one thing: UTF-8, no duplicate keys, no NaN; and the one way in which we write it.

Readers of JSON disagree about what lies outside this subset: a second ``"sha256"`` wins in one, loses in
another. What we read we read strictly; what we write, every reader agrees about.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NoReturn

from tinyai_registry.errors import DocumentError

MAX_BYTES = 16 * 1024 * 1024
MAX_DIGITS = 400


def loads(data: bytes, where: str) -> Any:
    """The value in ``data``; ``where`` names its origin in messages.

    Raises DocumentError for anything but strict JSON: another encoding, a byte order mark, a duplicate key,
    NaN or infinity (also as ``1e999``), a number of over 400 digits, nesting deeper than Python's parser takes,
    more than 16 MiB.
    """
    if len(data) > MAX_BYTES:
        raise DocumentError(f"{where}: {len(data)} bytes; a document has at most {MAX_BYTES}")
    try:
        return json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_float=_float,
            parse_int=_int,
        )
    except UnicodeDecodeError as error:
        raise DocumentError(f"{where}: byte {error.start} is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise DocumentError(f"{where}:{error.lineno}:{error.colno}: {error.msg}") from error
    except RecursionError:
        raise DocumentError(f"{where}: nested too deeply") from None
    except ValueError as error:
        raise DocumentError(f"{where}: {error}") from error


def read(path: Path) -> Any:
    """The value in the file at ``path``. Raises DocumentError, also where the file cannot be read."""
    return loads(bytes_of(path), str(path))


def bytes_of(path: Path) -> bytes:
    """What is in the file at ``path``. Raises DocumentError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DocumentError(f"{path}: {error.strerror}") from error


def dumps(value: Any, *, sort_keys: bool = True) -> str:
    """Two-space indent, ASCII escapes, a newline at the end; sorted keys unless told otherwise.

    Raises ValueError for NaN and infinities, which JSON does not have.
    """
    return json.dumps(value, indent=2, sort_keys=sort_keys, ensure_ascii=True, allow_nan=False) + "\n"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return result


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is beyond the range of a double")
    return number


def _int(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)
