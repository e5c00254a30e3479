"""Read what ``vmaf`` writes, in each of its four formats; which one it is, the first bytes say."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from tinyai_registry.errors import LogError
from tinyai_registry.files import is_lfs_pointer
from tinyai_registry.tables.logs import csv_log, json_log, sub_log, xml_log
from tinyai_registry.tables.logs.vmaf_log import VmafLog, check_frames

_READERS: Mapping[re.Pattern[bytes], Callable[[bytes], VmafLog]] = {
    re.compile(rb"\s*\{\d+\}\{\d+\}"): sub_log.read,
    re.compile(rb"\s*\{"): json_log.read,
    re.compile(rb"\s*<"): xml_log.read,
    re.compile(rb"Frame,"): csv_log.read,
}


def read_log(data: bytes) -> VmafLog:
    """The log ``data``. Raises LogError, which does not name the log, for whatever does not become rows as it is."""
    if not data or data.isspace():
        raise LogError("is empty; run vmaf again")
    if is_lfs_pointer(data):
        raise LogError("is a Git LFS pointer; run `git lfs pull`")
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise LogError("begins with a byte order mark, which vmaf does not write; give the log as vmaf wrote it")
    if data.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04", b"BZh", b"\xfd7zXZ")):
        raise LogError("is compressed; unpack it")
    read = next((reader for beginning, reader in _READERS.items() if beginning.match(data)), None)
    if read is None:
        raise LogError("is none of the formats that vmaf writes (JSON, XML, CSV, sub); write it with --json")
    log = read(data)
    check_frames(log)
    return log


def is_log(path: Path) -> bool:
    """Whether the file begins as ``vmaf`` begins a log."""
    if not path.is_file():
        return False  # a pipe would keep us waiting
    try:
        with path.open("rb") as file:
            beginning = file.read(200)
    except OSError:
        return False
    return any(mark in beginning for mark in (b'"frames": [', b"<VMAF", b"}frame: ")) or beginning.startswith(b"Frame,")
