"""``tinyai explain``."""

from __future__ import annotations

from dataclasses import asdict
from types import SimpleNamespace

import pytest

from tinyai_registry.checks import catalogue
from tinyai_registry.checks.finding import Rule, Severity

RULES = [
    Rule("TAI901", "first", Severity.ERROR, "a first thing", "Because " + "of this " * 30, "Mend it."),
    Rule("TAI902", "second", Severity.WARNING, "a second thing", "Because of that.", "Leave it."),
    Rule("TAI951", "third", Severity.INFO, "a third thing", "Because.", "Nothing."),
]


@pytest.fixture(autouse=True)
def family(monkeypatch):
    made = SimpleNamespace(**{rule.code: rule for rule in RULES})
    monkeypatch.setattr(catalogue, "FAMILIES", (made,))


def test_a_code_is_explained(tinyai):
    ran = tinyai("explain", "TAI902")
    assert ran.out == "warning[TAI902 second]: a second thing\n\nBecause of that.\n\nHow to mend it:\nLeave it.\n"
    assert max(map(len, tinyai("explain", "tai901").out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("words", "codes"),
    [
        ([], [0, 1, 2]),
        (["TAI951", "TAI901"], [0, 2]),
        (["TAI90"], [0, 1]),
        (["second", "TAI951"], [1, 2]),
    ],
)
def test_several_codes_a_family_or_all(tinyai, words, codes):
    chosen = [RULES[number] for number in codes]
    assert tinyai("explain", *words, "--json").json == {"rules": [asdict(rule) for rule in chosen]}
    out = tinyai("explain", *words).out
    assert [rule for rule in RULES if rule.title in out] == chosen


def test_without_a_code_each_has_one_line(tinyai):
    assert tinyai("explain").out.splitlines() == [
        "TAI901  first                 error    a first thing",
        "TAI902  second                warning  a second thing",
        "TAI951  third                 info     a third thing",
    ]


def test_an_unknown_code_is_one_line_that_names_what_was_meant(tinyai):
    ran = tinyai("explain", "TAI903")
    assert (ran.code, ran.out) == (2, "")
    [line] = ran.err.splitlines()
    assert line.endswith("; did you mean TAI902 or TAI901?")
    assert tinyai("explain", "TAI988").err.endswith("; `tinyai explain TAI9` explains all that begin so\n")
    assert tinyai("explain", "TA901").err.endswith("; did you mean TAI901?\n")
    assert tinyai("explain", "secnd").err.endswith("; did you mean second?\n")
    assert tinyai("explain", "nothing like it").err.endswith("; `tinyai explain` lists them all\n")
    assert tinyai("explain", "TAI903", "--json").json["error"]["exit_code"] == 2
