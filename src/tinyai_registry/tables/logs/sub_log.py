"""A log as subtitles (MicroDVD): a line for each frame, shown while the frame is."""

from __future__ import annotations

import re

from tinyai_registry.errors import LogError
from tinyai_registry.tables.logs.vmaf_log import VmafLog, tabulate
from tinyai_registry.text import shorten

_LINE = re.compile(r"\{(\d+)\}\{\d+\}frame: (\d+)\|((?:[^|:]+: [^|]*\|)*)")
_SCORE = re.compile(r"([^|:]+): ([^|]*)\|")


def read(data: bytes) -> VmafLog:
    """The log in ``data``. Raises LogError."""
    try:
        lines = data.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise LogError(f"is no UTF-8 (byte {error.start}); give the log that vmaf --sub wrote") from error
    frames, rows = [], []
    for number, line in enumerate(lines, start=1):
        found = _LINE.fullmatch(line)
        if found is None or found[1] != found[2]:
            raise LogError(f"has no frame in line {number} ({shorten(line, 40)!r}); it was cut off or edited")
        scores = _SCORE.findall(found[3])
        rows.append(dict(scores))
        frames.append(found[2])
        if len(rows[-1]) != len(scores):
            raise LogError(f"has a score twice in line {number}; run vmaf again")
    return tabulate(frames, rows)
