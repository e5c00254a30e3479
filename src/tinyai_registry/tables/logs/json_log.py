"""A log in JSON. This is what ``vmaf`` is mostly asked for, so it is read fast."""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, NoReturn

import numpy as np
import orjson
from numpy.typing import NDArray

from tinyai_registry.errors import LogError
from tinyai_registry.tables.logs.vmaf_log import VmafLog, require_few, require_names, to_frames
from tinyai_registry.text import shorten

# Before 2.0 libvmaf wrote these into JSON; since then it writes null.
_NOT_FINITE = re.compile(rb"(?<=[:\s])-?(?:inf|nan|Infinity|NaN)(?=\s*[,}\]])")

_KEY = re.compile(rb'"(?:[^"\\]|\\.)*"\s*:')

# Values that have no keys.
_SIMPLE = {float, int, str, bool, type(None)}

FRAMES, FRAME, METRICS = "frames", "frameNum", "metrics"


def read(data: bytes) -> VmafLog:
    """The log in ``data``. Raises LogError."""
    document = _parse(data)
    frames = document.get(FRAMES)
    if not isinstance(frames, list):
        raise LogError("is JSON without a list of frames; give the log that vmaf --json wrote")
    numbers, metrics = _take_apart(frames)
    names = list(metrics[0]) if metrics else []
    require_few(names)
    if not all(map(names.__eq__, map(list, metrics))):
        metrics = [_in_order(number, each, names) for number, each in zip(numbers, metrics, strict=True)]
    scores = _scores(metrics, numbers, names)
    _refuse_repeated_keys(data, document, frames, metrics)
    version = document.get("version")
    named = shorten(version) if isinstance(version, str) and version else None
    return VmafLog(to_frames(numbers), tuple(names), scores, named)


def _parse(data: bytes) -> Mapping[str, Any]:
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        document = _parse_without_infinities(data, error)
    if not isinstance(document, dict):
        raise LogError("is JSON, but no object; give the log that vmaf --json wrote")
    return document


def _parse_without_infinities(data: bytes, first: orjson.JSONDecodeError) -> Any:
    try:
        return orjson.loads(_NOT_FINITE.sub(b"null", data))
    except orjson.JSONDecodeError:
        raise LogError(
            f"is no JSON in line {first.lineno}, column {first.colno} ({first.msg}); it was cut off or edited, so run "
            "vmaf again"
        ) from first


def _take_apart(frames: Sequence[Any]) -> tuple[list[Any], list[dict[str, Any]]]:
    """The number of each frame, and its scores by name."""
    try:
        numbers, metrics = [frame[FRAME] for frame in frames], [frame[METRICS] for frame in frames]
    except (KeyError, TypeError, IndexError):
        metrics = [None]
    if set(map(type, metrics)) <= {dict}:
        return numbers, metrics
    place = next(k for k, each in enumerate(frames) if not _is_frame(each))
    raise LogError(f"has a frame without {FRAME} or {METRICS} at place {place}; give the log as vmaf wrote it")


def _is_frame(value: object) -> bool:
    return isinstance(value, dict) and FRAME in value and isinstance(value.get(METRICS), dict)


def _refuse_repeated_keys(
    data: bytes,
    document: Mapping[str, Any],
    frames: Sequence[Mapping[str, Any]],
    metrics: Sequence[Mapping[str, Any]],
) -> None:
    """A reader of JSON takes the last of two equal keys, and says nothing; so keys are counted in the text.

    Each has a colon behind it. Only where there are more colons than keys, the text is looked at again.
    """
    others = [value for key, value in document.items() if key != FRAMES]
    keys = len(document) + sum(map(len, frames)) + sum(map(len, metrics)) + _count_keys(others)
    if np.count_nonzero(np.frombuffer(data, np.uint8) == ord(":")) > keys and len(_KEY.findall(data)) > keys:
        raise LogError("has a key twice in one object, and readers disagree which one counts; run vmaf again")


def _count_keys(values: Iterable[object]) -> int:
    count, left = 0, list(values)
    while left:  # not by recursion: objects may be nested more deeply than Python's stack
        value = left.pop()
        if isinstance(value, dict):
            count += len(value)
            left += [inner for inner in value.values() if type(inner) not in _SIMPLE]
        elif isinstance(value, list):
            left += [inner for inner in value if type(inner) not in _SIMPLE]
    return count


def _in_order(number: object, scores: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    require_names(number, scores, names)
    return {name: scores[name] for name in names}


def _scores(metrics: Sequence[dict[str, Any]], numbers: Sequence[object], names: Sequence[str]) -> NDArray[np.float64]:
    values = list(chain.from_iterable(map(dict.values, metrics)))
    try:
        scores = _pack(values)
    except struct.error:
        _refuse_strange(metrics, numbers)
    # true is 1 to struct, and false 0; whatever else is no number, it refuses.
    if any(type(values[place]) is bool for place in np.flatnonzero((scores == 0) | (scores == 1)).tolist()):
        _refuse_strange(metrics, numbers)
    return scores.reshape(len(metrics), len(names))


def _pack(values: Sequence[Any]) -> NDArray[np.float64]:
    """``values`` as doubles, null as NaN: in half of the time that numpy takes. Raises struct.error for a text."""
    into = struct.Struct(f"{len(values)}d")
    try:
        return np.frombuffer(into.pack(*values))
    except struct.error:
        return np.frombuffer(into.pack(*[math.nan if value is None else value for value in values]))


def _refuse_strange(metrics: Sequence[Mapping[str, Any]], numbers: Sequence[object]) -> NoReturn:
    """Raises LogError, which names the first score that is no number."""
    number, name, score = next(
        (number, name, score)
        for number, each in zip(numbers, metrics, strict=True)
        for name, score in each.items()
        if score is not None and type(score) not in {int, float}
    )
    raise LogError(f"has {shorten(json.dumps(score), 40)} for {shorten(name)} in frame {number}, which is no number")
