"""The statement of somebody who made a release again: who, where, and with which answer.

Predicate: https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from tinyai_registry.documents import attestation
from tinyai_registry.release import Account
from tinyai_registry.trust.reproduce import Answer, Reproduction

TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
RESULTS: dict[Answer, str] = {"identical": "PASSED", "equivalent": "WARNED", "different": "FAILED"}
_LISTS = {"PASSED": "passedTests", "WARNED": "warnedTests", "FAILED": "failedTests"}


def testify(found: Reproduction, account: Account) -> dict[str, Any]:
    """The statement of whom ``account`` names; its subjects are the graphs and the sidecar that were compared."""
    result = RESULTS[found.answer]
    made = found.made
    environment = {"who": account.who, "time": account.time, "answer": found.answer}
    if made is not None:
        here = made["provenance"]
        environment |= {"python": here["python"], "cpu_capability": here.get("cpu_capability", "unknown")}
    predicate = {
        "result": result,
        "configuration": [
            {"name": "environment", "annotations": environment},
            *(attestation.materials(made) if made is not None else ()),
        ],
        _LISTS[result]: [f"reproduce {found.model}"],
    }
    return attestation.statement(found.files, TEST_RESULT, predicate)


def as_document(found: Reproduction) -> dict[str, Any]:
    """``found`` for ``--json``."""
    return {
        "model": found.model,
        "answer": found.answer,
        "differences": [asdict(each) for each in found.differences],
        "environment": [asdict(each) for each in found.deviations],
        "tolerance": found.tolerance,
        "files": dict(found.files),
    }
