"""Write findings for people, as a compiler does: each with its line of JSON and carets under the place."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import click

from tinyai_registry.checks.finding import Finding, Severity
from tinyai_registry.cli.formats.report import ValidationReport
from tinyai_registry.documents.config import NAME
from tinyai_registry.documents.excuses import Excuse
from tinyai_registry.text import printable, without_commands

COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
MARGIN = "blue"
# Characters of a long line that are shown before what is meant, and in all.
BEFORE, SHOWN = 30, 72
# Excuses that are shown of those that nothing was found for; --json has all.
OBSOLETE = 10


def text(report: ValidationReport) -> str:
    """Each finding with its line of JSON, how to have it explained once for each code, and the summary."""
    blocks: list[str] = []
    explained: set[str] = set()
    for file, findings in groupby(report.listed, key=lambda finding: finding.file):
        # Not splitlines: a line number counts newlines, and nothing else that Unicode breaks lines at.
        lines = report.source(file).split("\n")
        for finding in findings:
            blocks.append("\n".join(_block(report, finding, lines, first=finding.rule.code not in explained)))
            explained.add(finding.rule.code)
    if report.obsolete:
        blocks.append("\n".join(_no_longer_found(report)))
    return "\n".join(map(without_commands, "\n\n".join((*blocks, report.summary)).split("\n"))) + "\n"


def _no_longer_found(report: ValidationReport) -> Iterator[str]:
    """The excuses that nothing was found for, and what takes them out of where they stand."""
    yield from (_obsolete(report, excuse) for excuse in report.obsolete[:OBSOLETE])
    if len(report.obsolete) > OBSOLETE:
        yield f"{_paint(report, 'no longer found', fg=MARGIN, bold=True)}: {len(report.obsolete) - OBSOLETE} more"
    recorded = sum(excuse.is_recorded for excuse in report.obsolete)
    if recorded:
        yield f" {_paint(report, '=', fg=MARGIN)} help: tinyai validate --write-baseline leaves {recorded} of them out"
    if recorded < len(report.obsolete):
        yield f" {_paint(report, '=', fg=MARGIN)} help: take {len(report.obsolete) - recorded} of them out of {NAME}"


def _obsolete(report: ValidationReport, excuse: Excuse) -> str:
    about = f" ({printable(excuse.model)})" if excuse.model else ""
    what = f": {printable(excuse.message)}" if excuse.message else ""
    return f"{_paint(report, 'no longer found', fg=MARGIN, bold=True)}: {printable(excuse.code)}{what}{about}"


def _block(report: ValidationReport, finding: Finding, lines: Sequence[str], *, first: bool) -> Iterator[str]:
    rule = finding.rule
    margin = " " * len(str(finding.line))
    about = f" ({printable(finding.model)})" if finding.model else ""
    where = printable(f"{report.place / finding.file}:{finding.line}:{finding.column}")
    kind, colour = (rule.severity, COLOURS[rule.severity]) if finding.excuse is None else ("excused", MARGIN)
    head = _paint(report, f"{kind}[{rule.code} {rule.slug}]", fg=colour, bold=True)
    yield f"{head}{_paint(report, f': {printable(finding.message)}', bold=True)}"
    yield f"{margin}{_paint(report, '-->', fg=MARGIN)} {where}{about}"
    if finding.excuse is not None:
        yield f"{margin} {_paint(report, '=', fg=MARGIN)} because: {printable(finding.excuse.words)}"
        return
    if _has_a_place(finding) and finding.line <= len(lines):
        excerpt, blank, carets = _excerpt(lines[finding.line - 1].removesuffix("\r"), finding.column, finding.length)
        yield _paint(report, f"{margin} |", fg=MARGIN)
        yield f"{_paint(report, f'{finding.line} |', fg=MARGIN)} {excerpt}"
        under = _paint(report, "^" * carets, fg=COLOURS[rule.severity], bold=True)
        yield f"{_paint(report, f'{margin} |', fg=MARGIN)} {' ' * blank}{under}"
    if first:
        yield f"{margin} {_paint(report, '=', fg=MARGIN)} help: tinyai explain {rule.code}"


def _has_a_place(finding: Finding) -> bool:
    """Whether more is meant than the file as a whole, of which the first line would tell nothing."""
    return bool(finding.pointer) or (finding.line, finding.column, finding.length) != (1, 1, 1)


def _excerpt(line: str, column: int, length: int) -> tuple[str, int, int]:
    """The part of ``line`` around ``column``, the cells before the carets, and how many carets there are."""
    start = max(0, column - 1 - BEFORE) if len(line) > SHOWN else 0
    end = start + SHOWN
    before = ("…" if start else "") + _cells(line[start : column - 1])
    marked = _cells(line[column - 1 : min(column - 1 + length, end)])
    after = _cells(line[column - 1 + length : end]) + ("…" if end < len(line) else "")
    return before + marked + after, _width(before), max(1, _width(marked))


def _cells(line: str) -> str:
    """``line`` as a terminal shows it."""
    return printable(line.replace("\t", "    "))


def _width(shown: str) -> int:
    """How many cells of a terminal ``shown`` takes: an ideograph takes two, an accent none."""
    if shown.isascii():
        return len(shown)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in {"W", "F"} else 1 for c in shown
    )


def _paint(report: ValidationReport, words: str, **style: Any) -> str:
    return click.style(words, **style) if report.colour else words
