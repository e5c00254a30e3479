"""A log in XML: each frame an element, each score an attribute of it."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from tinyai_registry.errors import LogError
from tinyai_registry.tables.logs.vmaf_log import VmafLog, tabulate
from tinyai_registry.text import shorten

FRAME = "frameNum"


def read(data: bytes) -> VmafLog:
    """The log in ``data``. Raises LogError."""
    if b"<!" in data:
        raise LogError("has a declaration (<!…), which vmaf does not write; give the log as vmaf wrote it")
    try:
        root = ET.fromstring(data)  # noqa: S314 - a text without declarations can define no entities
    except (ET.ParseError, ValueError, LookupError) as error:
        raise LogError(f"is no XML ({error}); it was cut off or edited, so run vmaf again") from error
    frames = root.find("frames")
    if root.tag != "VMAF" or frames is None:
        raise LogError("is XML without VMAF/frames; give the log that vmaf --xml wrote")
    rows = [dict(frame.attrib) for frame in frames]
    for place, row in enumerate(rows):
        if FRAME not in row:
            raise LogError(f"has a frame without {FRAME} at place {place}; give the log as vmaf wrote it")
    version = root.get("version")
    return tabulate([row.pop(FRAME) for row in rows], rows, shorten(version) if version else None)
