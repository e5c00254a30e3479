"""Which findings count: those of chosen codes, and of those the ones that fail a validation."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches

from tinyai_registry.checks.finding import Finding, Severity
from tinyai_registry.errors import TinyaiError


def matching(words: Iterable[str], known: Collection[str]) -> list[str]:
    """The codes among ``known`` that ``words`` name, in order; a word is a code, the beginning of several, or a list.

    Raises TinyaiError for a word that names none.

    >>> matching(["TAI1,tai203"], ["TAI101", "TAI102", "TAI201", "TAI203"])
    ['TAI101', 'TAI102', 'TAI203']
    """
    named: set[str] = set()
    for word in (part.strip().upper() for each in words for part in each.split(",")):
        codes = {code for code in known if word and code.startswith(word)}
        if not codes:
            raise TinyaiError(_unknown(word, known))
        named |= codes
    return sorted(named)


def select_findings(
    findings: Iterable[Finding], known: Collection[str], select: Sequence[str] = (), ignore: Sequence[str] = ()
) -> list[Finding]:
    """The findings of the codes in ``select``, of every code if it is empty, and of none in ``ignore``.

    Raises TinyaiError for a word that names no code.
    """
    wanted, unwanted = matching(select, known), matching(ignore, known)
    chosen = [finding for finding in findings if not select or finding.rule.code in wanted]
    return [finding for finding in chosen if finding.rule.code not in unwanted]


def failed(findings: Iterable[Finding], *, strict: bool = False) -> bool:
    """Whether a validation that found this has failed: there is an error or, if ``strict``, a warning."""
    failing = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    return any(finding.rule.severity in failing for finding in findings)


def _unknown(word: str, known: Collection[str]) -> str:
    families = {code[:-2] for code in known}
    close = get_close_matches(word, sorted({*known, *families}), n=3) if word else []
    hint = f"did you mean {' or '.join(close)}?" if close else "`tinyai explain` lists them all"
    return f"no check has the code {word!a}; {hint}"
