"""A log as CSV: a line for each frame, and a comma at the end of each line."""

from __future__ import annotations

import csv
import io

from tinyai_registry.errors import LogError
from tinyai_registry.tables.logs.vmaf_log import VmafLog, to_frames, to_numbers


def read(data: bytes) -> VmafLog:
    """The log in ``data``. Raises LogError.

    ``vmaf`` leaves out a score that a frame lacks, and the comma with it: what follows would stand under other names.
    """
    try:
        header, *lines = csv.reader(io.StringIO(data.decode("utf-8"), newline=""), strict=True)
    except (UnicodeDecodeError, csv.Error) as error:
        raise LogError(f"is no CSV ({error}); give the log that vmaf --csv wrote") from error
    if header[-1]:
        raise LogError("has no comma at the end of its first line, as vmaf writes one; it was cut off or edited")
    _, *names = header[:-1]
    for number, line in enumerate(lines, start=2):
        if len(line) != len(header) or line[-1]:
            values = len(line) - (line[-1:] == [""])
            raise LogError(
                f"has {values} values under {len(header) - 1} names in line {number}: which is missing cannot be told; "
                "run vmaf again, with --json"
            )
    frames = [line[0] for line in lines]
    texts = [text for line in lines for text in line[1:-1]]
    return VmafLog(to_frames(frames), tuple(names), to_numbers(texts, frames, names))
