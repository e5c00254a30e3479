"""A model judged: the gate's verdicts, and the caveats."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tinyai_registry.evaluation._metrics import Evaluation
from tinyai_registry.evaluation._table import TableFingerprint


@dataclass(frozen=True)
class Verdict:
    """One criterion of the gate, judged. ``value`` is ``None`` where it could not be proved; ``reason`` says why."""

    criterion: str
    value: float | None
    passed: bool
    reason: str | None = None


@dataclass(frozen=True)
class Caveat:
    """Something that a reader must know and that does not block. ``code`` is stable, ``message`` is for people."""

    code: str
    message: str


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
