"""Write findings for programs: one JSON document."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

from tinyai_registry.checks.finding import Finding
from tinyai_registry.cli.formats.report import ValidationReport
from tinyai_registry.documents import strict_json


def json_text(report: ValidationReport) -> str:
    """The document of :func:`json_document`, as text."""
    return strict_json.dumps(json_document(report))


def json_document(report: ValidationReport) -> dict[str, Any]:
    """Every finding, and how many there are of each severity and code."""
    counts = {f"{severity}s": count for severity, count in report.counts.items()}
    counts["excused"] = report.excused
    codes = Counter(finding.rule.code for finding in report.findings)
    return {
        "findings": [_entry(finding) for finding in report.findings],
        "obsolete": [asdict(excuse) for excuse in report.obsolete],
        "summary": {"findings": len(report.findings), **counts, "by_code": dict(codes)},
    }


def _entry(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.rule.code,
        "severity": str(finding.rule.severity),
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "pointer": finding.pointer,
        "model": finding.model,
        "message": finding.message,
        "excuse": None if finding.excuse is None else finding.excuse.words,
    }
