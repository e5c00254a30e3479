"""What a change takes back, and whose signature it lacks, is excused by nothing that could come with the change."""

from __future__ import annotations

import pytest

from tinyai_registry.checks.excusing import INEXCUSABLE, excuse_findings, record_findings
from tinyai_registry.checks.finding import Finding
from tinyai_registry.documents.excuses import Excuse


@pytest.mark.parametrize("rule", sorted(INEXCUSABLE, key=lambda rule: rule.code), ids=lambda rule: rule.code)
def test_no_file_excuses_it(rule):
    found = Finding(rule, "registry.json", "what is wrong", "", "fr_v1")
    excuses = [Excuse(rule.code, "fr_v1", "we know"), Excuse(rule.code, "fr_v1", "we know", found.file, found.message)]
    told, unused = excuse_findings([found], excuses)
    assert told == [found]
    assert unused == excuses
    assert record_findings([found], []) == []
