"""What came of a refresh or an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from tinyai_registry.evaluation import Caveat, Evaluation, Verdict
from tinyai_registry.release import Artifact, Drift, TableFingerprint

Status = Literal["published", "up-to-date", "refused", "dry-run", "evaluated"]


@dataclass(frozen=True)
class Judgement:
    """A model judged on a table: the evaluation, the gate's verdicts, and the caveats."""

    table: TableFingerprint
    evaluation: Evaluation
    verdicts: tuple[Verdict, ...]
    caveats: tuple[Caveat, ...]

    @property
    def passed(self) -> bool:
        """Whether every criterion was proved."""
        return bool(self.verdicts) and all(verdict.passed for verdict in self.verdicts)

    def with_caveats(self, *more: Caveat) -> Judgement:
        """The same judgement with ``more`` caveats after those that it has."""
        return replace(self, caveats=(*self.caveats, *more))


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
    """What a story returns, for people and for ``--json`` alike. ``sidecar`` is that of the release, if any."""

    model: str
    status: Status
    judgement: Judgement | None = None
    artifacts: tuple[Artifact, ...] = ()
    previous: Previous | None = None
    drift: Drift | None = None
    sidecar: Mapping[str, Any] | None = None
    withdrawn: tuple[str, ...] = ()
