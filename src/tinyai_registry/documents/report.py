"""The one JSON document of ``refresh``, ``evaluate`` and the metrics file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinyai_registry.documents import parts
from tinyai_registry.release import Outcome

# Keys taken from the sidecar of a release; a judgement alone has some of them.
FROM_SIDECAR = ("table", "evaluation", "in_sample", "gate", "caveats", "previous", "drift", "shipped", "artifacts")


def report(outcome: Outcome, seconds: Mapping[str, float]) -> dict[str, Any]:
    """``outcome`` as JSON; ``seconds`` is wall-clock time by step. Keys that a status does not have are null."""
    document: dict[str, Any] = {
        "model": outcome.model,
        "status": outcome.status,
        **dict.fromkeys(FROM_SIDECAR),
        "artifacts": [],
        "withdrawn": list(outcome.withdrawn),
        "unsigned": outcome.unsigned,
        "recorded": outcome.recorded,
        "protocols": [parts.protocol_document(result) for result in outcome.protocols],
    }
    if outcome.sidecar is not None:
        document |= {key: outcome.sidecar.get(key) for key in FROM_SIDECAR}
        document["protocols"] = outcome.sidecar.get("protocols", [])
    elif outcome.judgement is not None:
        document |= parts.judgement_document(outcome.judgement)
        document |= {
            "previous": parts.previous_document(outcome.previous),
            "drift": parts.drift_document(outcome.drift),
        }
    return {
        **document,
        "artifact": next((a for a in document["artifacts"] if a["path"] == f"{outcome.model}.onnx"), None),
        "seconds": {step: round(taken, 3) for step, taken in seconds.items()},
    }
