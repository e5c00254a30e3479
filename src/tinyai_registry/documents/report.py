"""The one JSON document of ``refresh``, ``evaluate`` and the metrics file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinyai_registry.documents import evidence
from tinyai_registry.outcome import Outcome

# What an up-to-date release answers from its sidecar, where nothing was computed anew.
FROM_SIDECAR = ("table", "evaluation", "in_sample", "gate", "caveats", "previous", "drift")


def report(outcome: Outcome, seconds: Mapping[str, float]) -> dict[str, Any]:
    """``outcome`` as JSON; ``seconds`` is wall-clock time by step. What a status has no word on is null."""
    artifacts = [evidence.artifact_document(artifact) for artifact in outcome.artifacts]
    document: dict[str, Any] = {
        "model": outcome.model,
        "status": outcome.status,
        **dict.fromkeys(FROM_SIDECAR),
        "previous": evidence.previous_document(outcome.previous),
        "drift": evidence.drift_document(outcome.drift),
        "withdrawn": list(outcome.withdrawn),
    }
    if outcome.judgement is not None:
        document |= evidence.judgement_document(outcome.judgement)
    elif outcome.sidecar is not None:
        document |= {key: outcome.sidecar[key] for key in FROM_SIDECAR}
        artifacts = list(outcome.sidecar["artifacts"])
    return {
        **document,
        "artifact": next((a for a in artifacts if a["path"] == f"{outcome.model}.onnx"), None),
        "artifacts": artifacts,
        "seconds": {step: round(taken, 3) for step, taken in seconds.items()},
    }
