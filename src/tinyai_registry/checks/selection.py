"""Select findings by code or slug, and tell whether they fail a validation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

from tinyai_registry.checks.finding import Finding, Rule, Severity
from tinyai_registry.errors import TinyaiError

# How much a code is like another that it may have been meant for: one character of six is another.
ALIKE = 0.8
# The shortest beginning of a code that says what the check is about: TAI9.
FAMILY = 4


def find_codes(words: Iterable[str], known: Mapping[str, Rule]) -> list[str]:
    """The codes of the rules that ``words`` name, in order; ``known`` has all rules by code.

    A word is a code, the beginning of several codes, a slug, or a list of these with commas. Raises TinyaiError for a
    word that names no rule.
    """
    named: set[str] = set()
    for word in (part.strip() for each in words for part in each.split(",")):
        codes = {rule.code for rule in known.values() if word and _names(word, rule)}
        if not codes:
            raise TinyaiError(_unknown(word, known))
        named |= codes
    return sorted(named)


def select_findings(
    findings: Iterable[Finding], known: Mapping[str, Rule], select: Sequence[str] = (), ignore: Sequence[str] = ()
) -> list[Finding]:
    """The findings of the rules in ``select``, of every rule if it is empty, and of none in ``ignore``.

    Raises TinyaiError for a word that names no rule.
    """
    wanted, unwanted = find_codes(select, known), find_codes(ignore, known)
    chosen = [finding for finding in findings if not select or finding.rule.code in wanted]
    return [finding for finding in chosen if finding.rule.code not in unwanted]


def is_failure(findings: Iterable[Finding], *, strict: bool = False) -> bool:
    """Whether these findings fail a validation: there is an error or, if ``strict``, a warning, and no excuse for it.

    If ``strict``, an excuse has a reason.
    """
    failing = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    counted = (each for each in findings if each.excuse is None or (strict and not each.excuse.reason))
    return any(finding.rule.severity in failing for finding in counted)


def _names(word: str, rule: Rule) -> bool:
    return rule.code.startswith(word.upper()) or rule.slug == word.lower()


def _unknown(word: str, known: Mapping[str, Rule]) -> str:
    close = get_close_matches(word.upper(), known, cutoff=ALIKE)
    close += get_close_matches(word.lower(), [rule.slug for rule in known.values()])
    if close:
        hint = f"did you mean {' or '.join(close)}?"
    elif family := _family(word.upper(), known):
        hint = f"`tinyai explain {family}` explains all that begin so"
    else:
        families = sorted({code[:FAMILY] for code in known})
        hint = f"codes begin with {', '.join(families)}; `tinyai explain` lists them all"
    return f"no check has the code or slug {word!r}; {hint}"


def _family(code: str, known: Iterable[str]) -> str | None:
    """The longest beginning of ``code`` with which a known one begins, if it has a digit."""
    beginnings = (code[:end] for end in range(len(code), FAMILY - 1, -1))
    return next((each for each in beginnings if any(one.startswith(each) for one in known)), None)
