"""Write findings for code scanners: SARIF 2.1.0."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib import metadata
from typing import Any
from urllib.parse import quote

from tinyai_registry.checks.finding import Finding, Rule, Severity
from tinyai_registry.cli.formats.report import ValidationReport
from tinyai_registry.documents import strict_json
from tinyai_registry.text import printable, sarif_message

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def sarif(report: ValidationReport) -> str:
    """One run, with the rules that were broken and a result for each finding."""
    broken = sorted({finding.rule for finding in report.findings}, key=lambda rule: rule.code)
    index = {rule.code: number for number, rule in enumerate(broken)}
    driver = {
        "name": "tinyai-registry",
        "version": metadata.version("tinyai-registry"),
        "rules": [_rule(rule) for rule in broken],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(report, finding, index) for finding in report.findings],
    }
    return strict_json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.code,
        "name": rule.slug,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": rule.mend, "markdown": rule.mend},
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
    }


def _result(report: ValidationReport, finding: Finding, index: Mapping[str, int]) -> dict[str, Any]:
    region = {
        "startLine": finding.line,
        "startColumn": finding.column,
        "endColumn": finding.column + finding.length,
    }
    # Even a name that is no Unicode becomes a URI: the escape of what UTF-8 cannot encode is quoted in its place.
    uri = quote(report.path(finding), errors="backslashreplace")
    return {
        **_suppressions(finding),
        "ruleId": finding.rule.code,
        "ruleIndex": index[finding.rule.code],
        "level": LEVELS[finding.rule.severity],
        "message": {"text": sarif_message(finding.message)},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}],
        "partialFingerprints": {"tinyaiFinding/v1": _fingerprint(finding)},
        "properties": {"model": printable(finding.model or "") or None, "pointer": printable(finding.pointer)},
    }


def _suppressions(finding: Finding) -> dict[str, Any]:
    if finding.excuse is None:
        return {}
    why = sarif_message(finding.excuse.words)
    return {"suppressions": [{"kind": "external", "status": "accepted", "justification": why}]}


def _fingerprint(finding: Finding) -> str:
    """A digest that stays the same when lines and rows move: of rule, file, model and message, not of the place."""
    said = "\0".join((finding.rule.code, finding.file, finding.model or "", finding.message))
    return hashlib.sha256(said.encode(errors="surrogatepass")).hexdigest()
