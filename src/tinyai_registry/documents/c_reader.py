"""What a C runtime makes of a sidecar. It has no JSON parser: it looks for a key in quotes, then for a value.

So a nested object with such a key, or a string that equals one, may be read in place of the key that was meant, a
backslash is a character like any other, and a figure has to be one that float32 holds. Which keys there are, and how
each is looked for, is data of the runtime.
"""

from __future__ import annotations

import json
import math
import re
import struct
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from tinyai_registry.documents.positions import members
from tinyai_registry.onnxfile.runtime import Runtime, SidecarKey
from tinyai_registry.text import shorten


@dataclass(frozen=True)
class Reading:
    """What a loader knows of a model when it has read the sidecar; what its runtime does not read stays as it is here.

    ``feature_mean`` and ``feature_std`` are empty unless both are as long as ``feature_order``.
    """

    kind: str = "fr"
    name: str | None = None
    input_name: str | None = None
    output_name: str | None = None
    onnx_opset: float = 0
    quant_mode: str = "fp32"
    output_names: tuple[str, ...] = ()
    feature_order: tuple[str, ...] = ()
    feature_mean: tuple[float, ...] = ()
    feature_std: tuple[float, ...] = ()
    onnx_has_scaler: bool = False
    encoder_vocab: tuple[str, ...] = ()
    codec_preset_norm: str = "ordinal"
    codec_preset_value: float | None = None
    codec_crf_norm: str = "div63"
    codec_crf_min: float | None = None
    codec_crf_max: float | None = None


@dataclass(frozen=True)
class Misread:
    """One thing that the C reader does not see as it was meant, and how to mend it; no ``key`` is the whole text."""

    key: str | None
    message: str
    mend: str


def read(text: str, runtime: Runtime) -> Reading | None:
    """What the loader of ``runtime`` reads of ``text``, be it JSON or not; None where it refuses the file."""
    if _is_too_large(text, runtime):
        return None
    text = text.partition("\0")[0]  # where a string of C ends
    return _assemble({name: _parse(text, key) for name, key in runtime.sidecar.keys.items()}, runtime)


def interpret(document: Mapping[str, Any], runtime: Runtime) -> Reading | None:
    """What the same loader would read if it had a JSON parser; None where it would refuse what ``document`` says."""
    return _assemble({name: _take(document, key) for name, key in runtime.sidecar.keys.items()}, runtime)


def misread(text: str, runtime: Runtime) -> list[Misread]:
    """Each key whose value in ``text`` is not the one that the loader of ``runtime`` reads.

    ``text`` is strict JSON with an object at the top, in any layout.
    """
    if _is_too_large(text, runtime):
        return [Misread(None, f"the C reader takes at most {runtime.sidecar.max_bytes} bytes", "shorten it")]
    document = json.loads(text)
    here, meant = read(text, runtime), interpret(document, runtime)
    return [] if _is_same(here, meant) else list(_differences(text, document, runtime))


def _is_too_large(text: str, runtime: Runtime) -> bool:
    return len(text.encode(errors="surrogatepass")) > runtime.sidecar.max_bytes


# --- a reading, from the value of each key, wherever those come from


def _assemble(found: Mapping[str, Any], runtime: Runtime) -> Reading | None:
    keys = runtime.sidecar.keys
    values = {name: _accept(key, found[name]) for name, key in keys.items()}
    if any(_is_refused(key, values) for key in keys.values() if key.type == "choice"):
        return None
    order, mean, std = (values.get(f"feature_{each}") or () for each in ("order", "mean", "std"))
    if not len(order) == len(mean) == len(std):
        values = {name: value for name, value in values.items() if name not in {"feature_mean", "feature_std"}}
    return Reading(**{name: value for name, value in values.items() if value is not None})


def _accept(key: SidecarKey, value: Any) -> Any:
    """``value`` where the loader keeps it, else None."""
    if key.type == "word":
        return value if value in key.words else None
    if key.limit and value is not None:
        return tuple(value) if len(value) <= key.limit else None
    return value


def _is_refused(key: SidecarKey, values: Mapping[str, Any]) -> bool:
    chosen = values[key.name]
    return chosen is not None and (
        chosen not in key.words or any(values[needed] is None for needed in key.needs.get(chosen, ()))
    )


# --- the value of a key in the text, as C finds it

_SPACE = re.compile(r"[ \t\n\v\f\r]*")
_STRING = re.compile(r'"([^"]*)"')
_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:[eE][+-]?[0-9]+)?")
_INT, _MOST_DIGITS = 2**31, 10

# Takes a text and where a value begins; gives the value, None if it is none of that type, and where it ends.
Parser = Callable[[str, int], tuple[Any, int]]


def _parse(text: str, key: SidecarKey) -> Any:
    _, at = _locate(text, key)
    return None if at is None else _PARSERS[key.type](text, at)[0]


def _locate(text: str, key: SidecarKey) -> tuple[str, int | None]:
    """Under which name the loader looks for ``key`` last, and where the value begins; None where it finds neither."""
    at = _find(text, key.name, key.occurrence)
    if at is None and key.alias is not None:
        return key.alias, _find(text, key.alias, key.occurrence)
    return key.name, at


def _find(text: str, name: str, occurrence: str) -> int | None:
    if occurrence == "member":
        match = _as_member(name).search(text)
        return _skip(text, match.end()) if match else None
    quoted = text.find(f'"{name}"')
    colon = text.find(":", quoted + len(name) + 2) if quoted != -1 else -1
    return _skip(text, colon + 1) if colon != -1 else None


@cache
def _as_member(name: str) -> re.Pattern[str]:
    return re.compile(rf'"{name}"[ \t\n\r]*:')


def _skip(text: str, at: int) -> int:
    """Where the blanks at ``at`` end."""
    return _SPACE.match(text, at).end()  # type: ignore[union-attr] # it matches the empty string as well


def _string(text: str, at: int) -> tuple[str | None, int]:
    match = _STRING.match(text, at)
    return (match.group(1), match.end()) if match else (None, at)


def _integer(text: str, at: int) -> tuple[int | None, int]:
    """As strtol has it; one that an int does not hold is none."""
    match = _INTEGER.match(text, at)
    if match is None or len(match.group().lstrip("+-0")) > _MOST_DIGITS:
        return None, at
    value = int(match.group())
    return (value if -_INT <= value < _INT else None), match.end()


def _number(text: str, at: int) -> tuple[float | None, int]:
    """As strtod has it, rounded to float32; one that is out of a double's range is none."""
    match = _DECIMAL.match(text, at)
    if match is None:
        return None, at
    value, is_zero = float(match.group()), not re.search("[1-9]", match.group(1))
    if math.isinf(value) or (abs(value) < sys.float_info.min and not is_zero):
        return None, match.end()
    return _round(value), match.end()


def _round(value: float) -> float:
    """The float32 next to ``value``: infinity where that is too large."""
    try:
        [rounded] = struct.unpack("<f", struct.pack("<f", value))
    except OverflowError:
        return math.copysign(math.inf, value)
    return float(rounded)


def _flag(text: str, at: int) -> tuple[bool, int]:
    return text.startswith("true", at), at


def _list(item: Parser) -> Parser:
    """The parser of a list of what ``item`` parses: of one that is broken, nothing."""

    def parse(text: str, at: int) -> tuple[list[Any] | None, int]:
        if text[at : at + 1] != "[":
            return None, at
        values: list[Any] = []
        at = _skip(text, at + 1)
        while text[at : at + 1] != "]":
            value, end = item(text, at)
            at = _skip(text, end)
            if value is None or text[at : at + 1] not in {",", "]"}:
                return None, at
            values.append(value)
            at = _skip(text, at + 1) if text[at] == "," else at
        return values, at

    return parse


_PARSERS: Mapping[str, Parser] = {
    "word": _string,
    "choice": _string,
    "text": _string,
    "texts": _list(_string),
    "integer": _integer,
    "number": _number,
    "numbers": _list(_number),
    "flag": _flag,
}


# --- the value of a key in the document, as a parser has it

_TYPES: Mapping[str, tuple[type, ...]] = {
    "word": (str,),
    "choice": (str,),
    "text": (str,),
    "texts": (str,),
    "integer": (int, float),
    "number": (int, float),
    "numbers": (int, float),
    "flag": (bool,),
}


def _take(document: Mapping[str, Any], key: SidecarKey) -> Any:
    """The value of ``key`` in ``document``; None where there is none of its type."""
    value = document.get(_name_in(key, document))
    if key.type in {"texts", "numbers"}:
        fits = isinstance(value, list) and all(type(each) in _TYPES[key.type] for each in value)
    else:
        fits = type(value) in _TYPES[key.type]
    return value if fits else None


def _name_in(key: SidecarKey, document: Mapping[str, Any]) -> str:
    """What ``key`` is called in ``document``."""
    return key.alias if key.alias is not None and key.alias in document and key.name not in document else key.name


# --- where the two differ

# Float32 keeps 24 bits. A figure that is further off has lost some of them, or is none any more.
_PRECISION = 2.0**-23


def _differences(text: str, document: Mapping[str, Any], runtime: Runtime) -> Iterator[Misread]:
    here, meant = read(text, runtime), interpret(document, runtime)
    starts = dict(members(text))
    for key in runtime.sidecar.keys.values():
        name, found, written = _name_in(key, document), _parse(text, key), _take(document, key)
        is_harmless = here and meant and _is_same(getattr(here, key.name), getattr(meant, key.name))
        if is_harmless or _is_same(found, written):  # whatever differs is a consequence of another key
            continue
        taken, at = _locate(text, key)
        if at is None:
            yield Misread(name, f"the C reader does not find the key {name!r}", "write it without escapes")
        elif at != starts.get(name):
            line = text.count("\n", 0, at) + 1
            yield Misread(name, f"the C reader takes line {line} for the key {taken!r}", "choose another word")
        else:
            yield _describe_mistake(name, found, written)


def _describe_mistake(name: str, found: Any, written: Any) -> Misread:
    """The reader finds the value of the key ``name`` and takes it for another."""
    figures = written if isinstance(written, list) else [written]
    if all(isinstance(each, str) for each in figures):
        what = f"the C reader knows no escapes, and the value of {name!r} has one"
        return Misread(name, what, "write it in ASCII, without quotes and backslashes")
    if not isinstance(written, list):
        return Misread(name, f"the C reader takes {found} for {name!r}, which is {shorten(str(written))}", "correct it")
    mend = "bring the feature to another scale"
    lost = next(((n, each) for n, each in enumerate(figures) if not _is_same(_survivor(each), each)), None)
    if lost is None:  # the parser itself has made 0 of it
        return Misread(name, f"{name} has a figure below any double: the C reader reads none of the list", mend)
    at, value = lost
    taken = "reads none of the list" if found is None else f"takes {_survivor(value):g} for it"
    return Misread(name, f"{name}[{at}] is {value:g}, which is no float32: the C reader {taken}", mend)


def _survivor(value: float) -> float | None:
    """What the reader has of ``value``; None where it takes it for no number."""
    return _number(json.dumps(value), 0)[0]


def _is_same(one: Any, other: Any) -> bool:
    """Whether two values are one, or as near to each other as float32 comes."""
    if isinstance(one, Reading) and isinstance(other, Reading):
        return all(_is_same(getattr(one, each.name), getattr(other, each.name)) for each in fields(Reading))
    if isinstance(one, tuple | list) and isinstance(other, tuple | list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other or math.isclose(one, other, rel_tol=_PRECISION)
    return bool(one == other)
