"""One log of libvmaf, whatever it was written as, and what every format is held to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tinyai_registry.errors import LogError
from tinyai_registry.tables.arrow import texts as as_texts
from tinyai_registry.text import shorten

FRAME_INDEX = "frame_index"  # the column of a frame's number

# A frame number that a row can have; the column is int32.
MAX_FRAME = 2**31 - 1

# libvmaf gives a few dozen; who reads a name looks it up among the others.
MAX_SCORES = 1024


@dataclass(frozen=True)
class VmafLog:
    """Scores by frame.

    ``frames`` is int64 ``[N]``; ``scores`` is float64 ``[N, len(names)]``, NaN where libvmaf had no finite value.
    ``version`` is libvmaf's, which JSON and XML name.
    """

    frames: NDArray[np.int64]
    names: tuple[str, ...]
    scores: NDArray[np.float64]
    version: str | None = None

    @property
    def step(self) -> int:
        """Every how many-th frame has scores; 1 where there is one frame alone."""
        return int(self.frames[1] - self.frames[0]) if len(self.frames) > 1 else 1

    @property
    def is_rounded(self) -> bool:
        """Whether every score has six decimals, as ``vmaf`` writes unless it is told otherwise."""
        known = self.scores[~np.isnan(self.scores)]
        return bool((np.round(known, 6) == known).all())


def tabulate(frames: Sequence[object], rows: Sequence[dict[str, str]], version: str | None = None) -> VmafLog:
    """A log of texts: one mapping of name to number for each frame.

    Raises LogError for a frame that has other names than the first, and for a text that is no number.
    """
    names = tuple(rows[0]) if rows else ()
    require_few(names)
    for frame, row in zip(frames, rows, strict=True):
        if tuple(row) != names:
            require_names(frame, row, names)
    numbers = to_numbers([row[name] for row in rows for name in names], frames, names)
    return VmafLog(to_frames(frames), names, numbers, version)


def require_names(frame: object, found: Iterable[str], wanted: Iterable[str]) -> None:
    """Raises LogError unless the frame has the ``wanted`` scores and no others, in whatever order."""
    found, wanted = list(found), list(wanted)
    lacking, more = [n for n in wanted if n not in found], [n for n in found if n not in wanted]
    if lacking:
        raise LogError(f"lacks {_name(lacking)} in frame {frame}, which the first frame has; run vmaf again")
    if more:
        raise LogError(f"has {_name(more)} in frame {frame}, which the first frame lacks; run vmaf again")


def require_few(names: Sequence[str]) -> None:
    """Raises LogError for more scores of a frame than can be read."""
    if len(names) > MAX_SCORES:
        raise LogError(f"has {len(names)} scores in a frame, and {MAX_SCORES} can be read; it is none of vmaf's")


def to_numbers(texts: Sequence[str], frames: Sequence[object], names: Sequence[str]) -> NDArray[np.float64]:
    """``texts``, frame by frame, as float64 ``[N, len(names)]``; what is not finite becomes NaN."""
    try:
        flat = _parse(texts)
    except pa.ArrowInvalid as error:
        place = next(k for k, text in enumerate(texts) if not _is_number(text))
        frame, name = frames[place // len(names)], names[place % len(names)]
        raise LogError(
            f"has {shorten(texts[place])!r} for {shorten(name)} in frame {frame}, which is no number"
        ) from error
    flat[~np.isfinite(flat)] = np.nan
    return flat.reshape(len(frames), len(names))


def to_frames(numbers: Sequence[object]) -> NDArray[np.int64]:
    """Frame numbers, int64. Raises LogError for what is none."""
    if set(map(type, numbers)) == {int}:  # as in JSON, of which there is most
        found = np.array(numbers)
        if found.dtype == np.int64 and found.min() >= 0 and found.max() <= MAX_FRAME:
            return found
    for place, number in enumerate(numbers):
        if type(number) not in {int, str} or not _is_frame(str(number)):
            raise LogError(f"has a frame numbered {shorten(str(number))!r} at place {place}, which no frame is")
    return np.array(numbers).astype(np.int64)


def check_frames(log: VmafLog) -> None:
    """Raises LogError unless the frames begin at 0 and follow each other in equal steps, each with scores."""
    frames = log.frames
    if not len(frames):
        raise LogError("has no frames; vmaf was stopped, or its inputs are empty")
    if not log.names:
        raise LogError("has frames, but no scores; run vmaf with features or a model")
    require_few(log.names)
    for name in log.names:
        if name in {"", FRAME_INDEX} or not name.isprintable():
            raise LogError(f"has a score called {shorten(name)!r}, as no feature is; give the log as vmaf wrote it")
    twice = [name for name, count in Counter(log.names).items() if count > 1]
    if twice:
        raise LogError(f"has {_name(twice)} twice; run vmaf again")
    if frames[0] != 0:
        raise LogError(f"begins at frame {frames[0]}, not at 0: its beginning is missing; run vmaf again")
    steps = np.diff(frames)
    if (steps <= 0).any():
        place = int((steps <= 0).argmax())
        raise LogError(f"has frame {frames[place + 1]} after frame {frames[place]}; two logs may be in one file")
    if len(steps) and (steps != steps[0]).any():
        place = int((steps != steps[0]).argmax())
        raise LogError(
            f"goes from frame {frames[place]} to {frames[place + 1]}, where its first step is {steps[0]}: frames are "
            "missing; run vmaf again"
        )


def _is_frame(digits: str) -> bool:
    return digits.isdecimal() and len(digits) <= len(str(MAX_FRAME)) and int(digits) <= MAX_FRAME


def _parse(texts: Sequence[str]) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = as_texts(texts).cast(pa.float64()).to_numpy(zero_copy_only=False).copy()
    return numbers


def _is_number(text: str) -> bool:
    try:
        _parse([text])
    except pa.ArrowInvalid:
        return False
    return True


def _name(names: Sequence[str]) -> str:
    more = f" and {len(names) - 1} more" if names[1:] else ""
    return f"{shorten(names[0])}{more}"
