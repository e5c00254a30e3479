"""Write findings for test dashboards: JUnit XML with a test for each model and one for the registry itself."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from tinyai_registry.checks.finding import Finding
from tinyai_registry.cli.formats.report import ValidationReport
from tinyai_registry.text import printable

SUITE = "tinyai validate"


def junit(report: ValidationReport) -> str:
    """One test for the registry, one for each model; what fails the validation is a failure, the rest is output."""
    tests: dict[str | None, list[Finding]] = {model: [] for model in (None, *report.models)}
    for finding in report.findings:
        tests.setdefault(finding.model, []).append(finding)
    cases = [_case(report, model, findings) for model, findings in tests.items()]
    failures = sum(case.find("failure") is not None for case in cases)
    counts = {"tests": str(len(cases)), "failures": str(failures), "errors": "0", "skipped": "0"}
    suites = ET.Element("testsuites", counts)
    ET.SubElement(suites, "testsuite", {"name": SUITE, **counts}).extend(cases)
    ET.indent(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(suites, encoding="unicode")}\n'


def _case(report: ValidationReport, model: str | None, findings: Sequence[Finding]) -> ET.Element:
    case = ET.Element("testcase", {"classname": SUITE, "name": "registry" if model is None else printable(model)})
    failing = [finding for finding in findings if report.fails(finding)]
    others = [finding for finding in findings if not report.fails(finding)]
    if failing:
        # Most readers show one failure for each test, so one failure has all findings.
        about = {"type": failing[0].rule.code, "message": printable(failing[0].message)}
        ET.SubElement(case, "failure", about).text = _lines(report, failing)
    if others:
        ET.SubElement(case, "system-out").text = _lines(report, others)
    return case


def _lines(report: ValidationReport, findings: Sequence[Finding]) -> str:
    return "\n".join(
        printable(f"{report.path(f)}:{f.line}:{f.column}: {f.rule.severity}[{f.rule.code}] {f.message}{_excuse(f)}")
        for f in findings
    )


def _excuse(finding: Finding) -> str:
    return "" if finding.excuse is None else f" (excused: {finding.excuse.words})"
