"""The recipe: everything that a plugin declares about one model, and the fingerprint that locks it.

A recipe is data. Its *decisive* fields settle the numbers and the verdict and are covered by the
fingerprint; the fields marked descriptive (licences, the card's words) may be edited freely. Fields that
still have their default are left out of the fingerprint, so that a new optional field changes no old one.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from itertools import chain
from typing import Any, Literal

from tinyai_registry.errors import RecipeError

Kind = Literal["fr", "nr", "filter"]
KINDS: tuple[Kind, ...] = ("fr", "nr", "filter")

_ID = re.compile(r"[a-z0-9][a-z0-9_]{0,63}\Z")
_DESCRIPTIVE = {"descriptive": True}


@dataclass(frozen=True)
class Input:
    """One named input tensor of the graph, ``[N, len(columns)]`` float32, filled from table columns."""

    tensor: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class MLP:
    """A multilayer perceptron with one output; what the built-in trainer and exporter understand."""

    hidden: tuple[int, ...]
    activation: Literal["gelu", "relu"] = "gelu"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if not self.hidden or min(self.hidden) < 1:
            raise RecipeError(f"MLP.hidden must be one or more positive widths, not {self.hidden}")
        if not 0.0 <= self.dropout < 1.0:
            raise RecipeError(f"MLP.dropout must lie in [0, 1), not {self.dropout}")


@dataclass(frozen=True)
class AdamW:
    """AdamW on the mean squared error, in shuffled mini-batches; the last batch of an epoch may be short."""

    learning_rate: float
    weight_decay: float
    batch_size: int
    epochs: int


@dataclass(frozen=True)
class LeaveOneGroupOut:
    """One fold for each group: trained on all the others, tested on that one (LOSO over source clips)."""


@dataclass(frozen=True)
class KFold:
    """``folds`` folds of shuffled rows; for tables whose rows are independent of each other."""

    folds: int
    seed: int = 0

    def __post_init__(self) -> None:
        if self.folds <= 1:
            raise RecipeError(f"KFold needs two or more folds, not {self.folds}")


Scheme = LeaveOneGroupOut | KFold


@dataclass(frozen=True)
class Criterion:
    """One line of the gate: an aggregate of a metric over all folds, held against a threshold.

    >>> str(Criterion("plcc", "mean", ">=", 0.95))
    'mean PLCC over folds >= 0.95'
    """

    metric: str
    aggregate: Literal["mean", "min", "max"]
    relation: Literal[">=", "<="]
    threshold: float

    def __str__(self) -> str:
        return f"{self.aggregate} {self.metric.upper()} over folds {self.relation} {self.threshold:g}"


@dataclass(frozen=True)
class CardText:
    """The words of the model card that only the model's owner can write. Markdown, one paragraph each."""

    title: str
    summary: str
    intended_use: str
    limits: str


@dataclass(frozen=True)
class Recipe:
    """What a plugin declares about one model.

    ``inputs`` are in graph order, their columns in feature order. ``target_range`` is in target units and
    scales the parity tolerance. ``key`` columns identify a row, ``group`` is what a fold holds out as a
    whole, ``clip`` tells the distorted clips apart. ``architecture`` and ``training`` are for the built-in
    trainer; a plugin that brings ``tinyai_train`` may leave them out.

    Raises RecipeError where the declaration contradicts itself.
    """

    id: str
    kind: Kind
    inputs: tuple[Input, ...]
    target: str
    target_range: tuple[float, float]
    key: tuple[str, ...]
    group: str
    clip: str
    dataset: str
    folds: Scheme
    criteria: tuple[Criterion, ...]
    license: str = field(metadata=_DESCRIPTIVE)
    dataset_license: str = field(metadata=_DESCRIPTIVE)
    decision: str = field(metadata=_DESCRIPTIVE)
    card: CardText = field(metadata=_DESCRIPTIVE)
    architecture: MLP | None = None
    training: AdamW | None = None
    seed: int = 0
    output: str = "score"
    opset: int = 17
    scaler_in_graph: bool = False

    def __post_init__(self) -> None:
        if not _ID.match(self.id):
            raise RecipeError(f"recipe id {self.id!r} must match {_ID.pattern}")
        for problem in self._contradictions():
            raise RecipeError(f"recipe {self.id}: {problem}")

    def _contradictions(self) -> list[str]:
        low, high = self.target_range
        tensors = [i.tensor for i in self.inputs] + [self.output]
        columns = self.feature_order
        checks = {
            f"kind {self.kind!r} is none of {', '.join(KINDS)}": self.kind not in KINDS,
            "declares no input": not columns,
            "two tensors share a name": len(set(tensors)) != len(tensors),
            "a feature column is named twice": len(set(columns)) != len(columns),
            "the target is also a feature": self.target in columns,
            f"target_range {self.target_range} is empty": not low < high,
            "declares no key column": not self.key,
            "declares no criterion, so every model would pass": not self.criteria,
        }
        return [problem for problem, holds in checks.items() if holds]

    @property
    def feature_order(self) -> tuple[str, ...]:
        """Every feature column, input after input."""
        return tuple(chain.from_iterable(i.columns for i in self.inputs))

    @property
    def columns(self) -> tuple[str, ...]:
        """Every table column that the recipe needs, without repeats."""
        return tuple(dict.fromkeys((*self.key, self.group, self.clip, *self.feature_order, self.target)))


def decisive(recipe: Recipe) -> dict[str, Any]:
    """The recipe as the sidecar keeps it: JSON types, decisive fields that differ from their default.

    ``kind`` is left out: the C reader takes the first ``"kind"`` of the sidecar, which must be the one at
    top level.
    """
    document: dict[str, Any] = _plain(recipe)
    del document["kind"]
    return document


def fingerprint(decisive_fields: Mapping[str, Any]) -> str:
    """SHA-256, in hex, of the canonical JSON of :func:`decisive`; anyone can recompute it from a sidecar."""
    canonical = json.dumps(decisive_fields, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        kept = {
            f.name: _plain(getattr(value, f.name))
            for f in fields(value)
            if not f.metadata.get("descriptive") and (f.default is MISSING or getattr(value, f.name) != f.default)
        }
        # Schemes and architectures are alternatives: without its class a KFold would read like any other dict.
        return kept if isinstance(value, Recipe | Input | Criterion) else {type(value).__name__: kept}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
