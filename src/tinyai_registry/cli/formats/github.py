"""Write findings for a GitHub workflow: a command for each, which GitHub shows beside the line in a pull request."""

from __future__ import annotations

from tinyai_registry.checks.finding import Finding, Severity
from tinyai_registry.cli.formats.report import ValidationReport
from tinyai_registry.text import github_data, github_property

COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def github(report: ValidationReport) -> str:
    """A workflow command for each finding, then the summary, which begins with no ``::`` and is only logged."""
    return "".join(f"{line}\n" for line in (*(_command(report, f) for f in report.listed), report.summary))


def _command(report: ValidationReport, finding: Finding) -> str:
    properties = {
        "file": report.path(finding),
        "line": str(finding.line),
        "col": str(finding.column),
        "endColumn": str(finding.column + finding.length),
        "title": finding.rule.code,
    }
    listed = ",".join(f"{name}={github_property(value)}" for name, value in properties.items())
    about = f" ({finding.model})" if finding.model else ""
    about += f" (excused: {finding.excuse.words})" if finding.excuse is not None else ""
    command = COMMANDS[Severity.INFO if finding.excuse is not None else finding.rule.severity]
    return f"::{command} {listed}::{github_data(finding.message + about)}"
