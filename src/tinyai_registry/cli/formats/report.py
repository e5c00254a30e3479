"""What a validation found, ready to be written in any format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tinyai_registry.checks.finding import Finding, Severity
from tinyai_registry.checks.selection import is_failure
from tinyai_registry.documents.excuses import BASELINE, Excuse
from tinyai_registry.store import repository
from tinyai_registry.text import count, log_line


@dataclass(frozen=True)
class ValidationReport:
    """The findings in the registry ``root``, and what a format needs beside them.

    ``source`` gives the text of a JSON file of the registry, none for any other. ``models`` are the ids that were
    looked at, those without findings too. With ``strict`` a warning is a failure; ``colour`` is for a terminal.
    ``obsolete`` are the excuses that nothing was found for.
    """

    root: Path
    found: Sequence[Finding]
    source: Callable[[str], str]
    models: Sequence[str] = ()
    strict: bool = False
    colour: bool = False
    obsolete: Sequence[Excuse] = ()

    @cached_property
    def findings(self) -> list[Finding]:
        """In the order in which one reads the files."""
        return sorted(self.found, key=lambda f: (f.file, f.line, f.column, f.rule.code, f.model or "", f.message))

    @property
    def listed(self) -> list[Finding]:
        """Those that people read: not what a baseline knows of, unless it fails the validation for want of a reason."""
        return [f for f in self.findings if f.excuse is None or not f.excuse.is_recorded or self.fails(f)]

    @cached_property
    def counts(self) -> dict[Severity, int]:
        """How many findings there are of each severity, but for those that are excused."""
        return {each: sum(f.rule.severity is each and f.excuse is None for f in self.found) for each in Severity}

    @cached_property
    def excused(self) -> int:
        """How many findings are excused."""
        return sum(finding.excuse is not None for finding in self.found)

    @cached_property
    def place(self) -> Path:
        """The registry folder as one would type it here."""
        here = Path.cwd()
        return self.root.relative_to(here) if self.root.is_relative_to(here) else self.root

    @cached_property
    def folder(self) -> str:
        """The registry folder as the repository that it lies in names it."""
        return repository.within(self.root, repository.top(self.root))

    def path(self, finding: Finding) -> str:
        """The finding's file as the repository names it, with forward slashes."""
        return finding.file if self.folder == "." else f"{self.folder}/{finding.file}"

    def fails(self, finding: Finding) -> bool:
        """Whether this finding alone fails the validation."""
        return is_failure([finding], strict=self.strict)

    @property
    def summary(self) -> str:
        """How many findings of which kind, and where, as a line of output."""
        kinds = [f"{count} {kind}{'s' * (count != 1)}" for kind, count in self.counts.items() if count]
        kinds += [f"{self.excused} excused"] if self.excused else []
        return log_line(f"{', '.join(kinds) or 'no findings'} in {self.place}{self._why_strict_fails()}")

    def _why_strict_fails(self) -> str:
        """What fails for being ``strict`` alone, in words that follow the counts."""
        if not self.strict:
            return ""
        warnings, bare = self.counts[Severity.WARNING], sum(f.excuse is not None and self.fails(f) for f in self.found)
        told = [f"{count(warnings, 'warning')}"] if warnings else []
        told += [f"{count(bare, 'excused finding')} without a reason, which {BASELINE} is to give"] if bare else []
        return f"; --strict fails for {' and '.join(told)}" if told else ""
