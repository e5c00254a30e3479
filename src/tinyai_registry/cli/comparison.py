"""Show a comparison on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Any

from tinyai_registry.cli.columns import align
from tinyai_registry.documents.side_by_side import lay_out
from tinyai_registry.text import log_line

WIDTH, INDENT = 80, "  "


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """The comparison ``found`` as lines of text, whatever words are in it."""
    yield f"{found['model']}: {sides(found)}"
    for section in lay_out(found):
        yield ""
        if not section.rows and not section.sentences:
            yield f"{section.title}: {section.note}"
            continue
        yield section.title
        for sentence in section.sentences:
            yield from wrap(log_line(sentence), WIDTH, initial_indent=INDENT, subsequent_indent=INDENT * 2)
        if section.rows:
            yield from (f"{INDENT}{line}" for line in align([section.header, *section.rows]))


def sides(found: Mapping[str, Any]) -> str:
    """Which two are compared, by digest and date."""
    return f"{_name(found['old'])} -> {_name(found['new'])}"


def _name(side: Mapping[str, Any]) -> str:
    words = [(side["sha256"] or "nothing")[:12], (side["released"] or "")[:10]]
    return " ".join(filter(None, (*words, "" if side["status"] == "released" else f"({side['status']})")))
