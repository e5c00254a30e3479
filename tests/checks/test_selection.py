"""Which findings count, and which words choose them."""

from __future__ import annotations

import pytest

from tinyai_registry.checks.finding import Finding, Rule, Severity
from tinyai_registry.checks.selection import find_codes, is_failure, select_findings
from tinyai_registry.errors import TinyaiError

SLUGS = {"TAI101": "duplicate-id", "TAI102": "look-alike-ids", "TAI201": "path-outside", "TAI404": "operator"}


def rule(code: str, severity: Severity = Severity.ERROR) -> Rule:
    return Rule(code, SLUGS.get(code, "other"), severity, "title", "why", "mend")


def finding(code: str, severity: Severity = Severity.ERROR) -> Finding:
    return Finding(rule(code, severity), "a.json", "wrong")


KNOWN = {code: rule(code) for code in SLUGS}


FOUND = [finding(code) for code in (*KNOWN, "TAI201")]


@pytest.mark.parametrize(
    ("select", "ignore", "codes"),
    [
        ((), (), ["TAI101", "TAI102", "TAI201", "TAI404", "TAI201"]),
        (("TAI1",), (), ["TAI101", "TAI102"]),
        (("TAI404,TAI102", "tai2"), (), ["TAI102", "TAI201", "TAI404", "TAI201"]),
        ((), ("TAI1, TAI404",), ["TAI201", "TAI201"]),
        (("TAI1",), ("TAI102",), ["TAI101"]),
        (("TAI101",), ("TAI1",), []),
        (("Duplicate-ID,operator",), (), ["TAI101", "TAI404"]),
        ((), ("duplicate-id", "TAI2"), ["TAI102", "TAI404"]),
    ],
)
def test_rules_are_chosen_by_code_beginning_or_slug_and_what_is_ignored_is_left_out(select, ignore, codes):
    assert [each.rule.code for each in select_findings(FOUND, KNOWN, select, ignore)] == codes


def test_a_finding_that_no_catalogue_lists_is_not_lost():
    assert select_findings([finding("TAI999")], KNOWN) != []


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("TAI405", "TAI404"),
        ("TAI5", "TAI4"),
        ("TA1101", "TAI101"),
        ("", "`tinyai explain`"),
        ("TAI101,", "explain"),
        ("duplicate", "duplicate-id"),
    ],
)
@pytest.mark.parametrize("option", ["select", "ignore"])
def test_a_word_that_names_no_rule_is_an_error_that_says_what_was_meant(option, word, told):
    with pytest.raises(TinyaiError) as raised:
        select_findings(FOUND, KNOWN, **{option: [word]})
    assert told in str(raised.value)
    assert raised.value.exit_code == 2


def test_an_unknown_word_cannot_write_to_the_terminal():
    with pytest.raises(TinyaiError) as raised:
        find_codes(["\x1b[31m\u202e"], KNOWN)
    assert str(raised.value).isprintable()


@pytest.mark.parametrize(
    ("severity", "lenient", "strict"), [("error", True, True), ("warning", False, True), ("info", False, False)]
)
def test_an_error_fails_and_a_warning_only_a_strict_validation(severity, lenient, strict):
    found = [finding("TAI101", Severity.INFO), finding("TAI102", Severity(severity))]
    assert (is_failure(found), is_failure(found, strict=True)) == (lenient, strict)
    assert not is_failure([], strict=True)
