"""What came of a refresh or an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tinyai_registry.evaluation import Drift, Judgement, ProtocolResult

REFUSED = 3

Status = Literal["published", "up-to-date", "refused", "dry-run", "evaluated"]


@dataclass(frozen=True)
class Previous:
    """The registered release that a refresh starts from.

    ``metrics`` are its headline figures. ``adopted`` names the fields on which a sidecar without a recipe
    fingerprint was found to agree with the recipe; ``None`` where it had one.
    """

    sha256: str | None
    metrics: Mapping[str, float]
    adopted: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Outcome:
    """What a workflow returns, for people and for ``--json`` alike.

    ``judgement`` is None where nothing was judged. Where there is a release, ``sidecar`` is its sidecar and has
    everything that is to be told; else ``previous`` and ``drift`` tell of the release that was to be replaced, and
    ``protocols`` are those that were evaluated by themselves. ``unsigned`` says why the signature that the row names is
    none of the release; None where it is one, or the row names none. ``recorded`` is whether the log has it.
    """

    model: str
    status: Status
    judgement: Judgement | None = None
    sidecar: Mapping[str, Any] | None = None
    withdrawn: tuple[str, ...] = ()
    previous: Previous | None = None
    drift: Drift | None = None
    protocols: tuple[ProtocolResult, ...] = ()
    unsigned: str | None = None
    recorded: bool = False

    @property
    def exit_code(self) -> int:
        """0, or 3 where a criterion was not met. An evaluation under a protocol has no gate."""
        verdicts = self.judgement.verdicts if self.judgement else ()
        return 0 if all(verdict.passed for verdict in verdicts) else REFUSED
