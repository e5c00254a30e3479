"""A model judged: the gate's verdicts, and the caveats."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tinyai_registry.evaluation._metrics import Evaluation, ProtocolResult
from tinyai_registry.evaluation._shipped import Shipped
from tinyai_registry.evaluation._table import TableFingerprint
from tinyai_registry.recipe import Criterion


@dataclass(frozen=True)
class Verdict:
    """One criterion of the gate, judged. ``value`` is ``None`` where there is none; ``reason`` says why."""

    criterion: str
    value: float | None
    passed: bool
    reason: str | None = None

    def under(self, protocol: str) -> Verdict:
        """The same, said of an evaluation under ``protocol``."""
        return replace(self, criterion=f"{protocol}: {self.criterion}")


@dataclass(frozen=True)
class Caveat:
    """Something that a reader must know and that does not block. ``code`` is stable, ``message`` is for people."""

    code: str
    message: str


@dataclass(frozen=True)
class Judgement:
    """A model judged on a table: the evaluation, the gate's verdicts, and the caveats.

    ``criteria`` is all that the gate asks, of the artifacts too, which are judged last. ``protocols`` are those
    evaluations under a protocol that the gate asks for. ``shipped`` is the registered model on the same rows, if there
    is one.
    """

    table: TableFingerprint
    evaluation: Evaluation
    verdicts: tuple[Verdict, ...]
    caveats: tuple[Caveat, ...]
    criteria: tuple[Criterion, ...] = ()
    protocols: tuple[ProtocolResult, ...] = ()
    shipped: Shipped | None = None

    @property
    def passed(self) -> bool:
        """Whether every criterion was proved."""
        return bool(self.verdicts) and all(verdict.passed for verdict in self.verdicts)

    def with_caveats(self, *more: Caveat) -> Judgement:
        """The same judgement with ``more`` caveats after those that it has."""
        return replace(self, caveats=(*self.caveats, *more))

    def with_verdicts(self, *more: Verdict) -> Judgement:
        """The same judgement with ``more`` verdicts after those that it has."""
        return replace(self, verdicts=(*self.verdicts, *more))

    def without_rows(self) -> Judgement:
        """The same judgement without the predictions that it rests on, row by row."""
        return replace(self, evaluation=replace(self.evaluation, held_out=()))
