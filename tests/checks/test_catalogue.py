"""The rules, and the page that is made from them."""

from __future__ import annotations

import pkgutil
import re
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from tinyai_registry import checks
from tinyai_registry.checks import catalogue
from tinyai_registry.checks.catalogue import rules
from tinyai_registry.checks.finding import Rule, Severity
from tinyai_registry.checks.page import page

PAGE = Path(__file__).parents[2] / "docs" / "checks.md"
ODD = Rule("TAI998", "odd", Severity.WARNING, "a | b", "Why <id> or `<id>`?", "Write `a|b`.")


def constants() -> list[tuple[ModuleType, Rule]]:
    """Every rule that a module of ``checks`` declares or imports, and in which."""
    modules = [import_module(f"{checks.__name__}.{each.name}") for each in pkgutil.iter_modules(checks.__path__)]
    return [(each, value) for each in modules for value in vars(each).values() if isinstance(value, Rule)]


def test_no_rule_is_forgotten():
    assert set(rules().values()) == {rule for _, rule in constants()}
    assert {module for module, _ in constants()} >= set(catalogue.FAMILIES)


def test_no_code_and_no_slug_stands_for_two_rules():
    declared = {id(rule): rule for _, rule in constants()}.values()
    assert len({rule.code for rule in declared}) == len(declared)
    assert len({rule.slug for rule in declared}) == len(declared)


def test_a_rule_has_a_code_a_slug_a_title_in_one_line_a_reason_and_a_remedy():
    for code, rule in rules().items():
        assert re.fullmatch(r"TAI\d{3}", code)
        assert code == rule.code
        assert re.fullmatch(r"(?=.{3,20}$)[a-z]+(-[a-z0-9]+)*", rule.slug), code
        assert re.fullmatch(r"[^\n]{3,100}(?<!\.)", rule.title), code
        for text in (rule.why, rule.mend):
            assert re.fullmatch(r"[A-Z`].*[.?]\)?", text), code
            assert text.count("`") % 2 == 0, code


def test_rules_are_in_the_order_of_their_codes(monkeypatch):
    family = SimpleNamespace(B=Rule("TAI102", *[Severity.INFO] * 5), A=Rule("TAI101", *[Severity.INFO] * 5), n=3)
    monkeypatch.setattr(catalogue, "FAMILIES", (family,))
    assert list(rules()) == ["TAI101", "TAI102"]


# --- docs/checks.md


def test_the_page_is_what_the_rules_say():
    assert PAGE.read_text(encoding="utf-8") == page(rules().values()), "run: make docs"


def test_the_page_lists_every_rule_and_has_a_section_for_each():
    text = page([ODD])
    assert "| [TAI998](#tai998) | odd | warning | a \\| b |" in text
    assert "## TAI998\n" in text
    assert "Why \\<id> or `<id>`?" in text
    assert "*How to mend it:* Write `a|b`." in text


@pytest.mark.parametrize("rule", rules().values(), ids=rules())
def test_the_page_says_everything_about(rule):
    text = re.sub(r"\\([\\<|\[])", r"\1", PAGE.read_text(encoding="utf-8"))
    section = text.split(f"## {rule.code}\n")[1].split("\n## ")[0]
    assert all(each in section for each in (rule.slug, rule.severity, rule.title, rule.why, rule.mend))
