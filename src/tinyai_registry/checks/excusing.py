"""Hold findings against what is known of a registry: which are excused, and which excuses excuse nothing any more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from tinyai_registry.checks import growth, signatures
from tinyai_registry.checks.finding import Finding, Severity
from tinyai_registry.documents.excuses import Excuse

# What a change takes back, and whose signature it lacks, is excused by no file: that could come with the change.
INEXCUSABLE = frozenset(
    {growth.REWRITTEN, growth.TIP_BACK, growth.MODEL_GONE, growth.TRUST_CHANGED}
    | {signatures.UNSIGNED, signatures.STRANGER, signatures.REVOKED}
)


def excuse_findings(findings: Iterable[Finding], excuses: Sequence[Excuse]) -> tuple[list[Finding], list[Excuse]]:
    """``findings``, each that is known with the reason for it, and the ``excuses`` that nothing was found for.

    An excuse of one finding excuses as many as it stands there times; one of a code, every finding about its model.
    """
    general = {(e.code.lower(), e.model): e for e in excuses if not e.is_recorded}
    single = Counter(e for e in excuses if e.is_recorded)
    used: Counter[Excuse] = Counter()
    told = []
    for finding in findings:
        names = (finding.rule.code.lower(), finding.rule.slug)
        found = next((e for name in names if (e := general.get((name, finding.model)))), None)
        found = found or next((e for e in single if _is_meant(finding, e) and used[e] < single[e]), None)
        if found is None or finding.rule in INEXCUSABLE:
            told.append(finding)
        else:
            used[found] += 1
            told.append(replace(finding, excuse=found))
    return told, [excuse for excuse in dict.fromkeys(excuses) if not used[excuse]]


def record_findings(findings: Iterable[Finding], before: Sequence[Excuse]) -> list[Excuse]:
    """A baseline of ``findings``, errors and warnings; reasons of the one ``before`` are kept."""
    left = Counter(before)
    recorded = []
    for finding in findings:
        if finding.rule.severity is not Severity.INFO and finding.rule not in INEXCUSABLE:
            known = next((e for e in before if _is_meant(finding, e) and left[e]), None)
            if known is not None:
                left[known] -= 1
            new = Excuse(finding.rule.code, finding.model, "", finding.file, finding.message)
            recorded.append(known or new)
    return recorded


def _is_meant(finding: Finding, excuse: Excuse) -> bool:
    here = (finding.rule.code, finding.model, finding.file, _written(finding.message))
    return here == (excuse.code, excuse.model, excuse.file, _written(excuse.message or ""))


def _written(message: str) -> str:
    """As a file can hold it: a name in a message may be no Unicode."""
    return message.encode(errors="replace").decode()
