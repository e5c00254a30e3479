"""Write findings for people, programs and code hosts: one module for each format."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tinyai_registry.cli.formats.github import github
from tinyai_registry.cli.formats.json_document import json_text
from tinyai_registry.cli.formats.junit import junit
from tinyai_registry.cli.formats.report import ValidationReport
from tinyai_registry.cli.formats.sarif import sarif
from tinyai_registry.cli.formats.text import text

__all__ = ["FORMATS", "ValidationReport"]

FORMATS: Mapping[str, Callable[[ValidationReport], str]] = {
    "text": text,
    "json": json_text,
    "github": github,
    "sarif": sarif,
    "junit": junit,
}
