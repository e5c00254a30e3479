"""Reports to be written: from the folders in ``cases``, or from findings made on the spot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tinyai_registry.checks.finding import Finding, Rule, Severity
from tinyai_registry.cli.formats import ValidationReport

CASES = Path(__file__).parent / "cases"
RULES = {
    "TAI202": Rule(
        "TAI202", "file-missing", Severity.ERROR, "a file is named but missing", "It is promised.", "Restore it."
    ),
    "TAI404": Rule(
        "TAI404", "operator", Severity.ERROR, "the opset is another", "It misleads <readers>.", "Say `opset` & so."
    ),
    "TAI209": Rule(
        "TAI209",
        "orphan-document",
        Severity.WARNING,
        "a JSON file belongs to no row",
        "It looks like one.",
        "Remove it.",
    ),
    "TAI014": Rule(
        "TAI014", "old-dialect", Severity.INFO, "an earlier dialect", "It has less.", "Run `tinyai migrate`."
    ),
}


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    """A registry folder below the top of a repository, which is the working directory."""
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "model" / "tiny"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def made(root):
    """A report of these findings: ``made(Finding(…), source="{}")``, the text being that of every file."""

    def make(*findings: Finding, source: str = "", **more) -> ValidationReport:
        return ValidationReport(root, findings, lambda _: source, **more)

    return make


@pytest.fixture
def case(root):
    """The report of a folder in ``cases``: findings, models, and the JSON files that they are about."""

    def read(name: str, **more) -> ValidationReport:
        told = json.loads((CASES / name / "findings.json").read_text(encoding="utf-8"))
        findings = [Finding(RULES[each.pop("code")], **each) for each in told["findings"]]

        def source(file: str) -> str:
            path = CASES / name / "registry" / file
            return path.read_bytes().decode() if "\0" not in file and path.is_file() else ""

        return ValidationReport(root, findings, source, told["models"], **more)

    return read
