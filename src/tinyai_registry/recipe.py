"""The recipe: everything that a plugin declares about one model, and the fingerprint that locks it.

A recipe is data. Its *decisive* fields settle the numbers and the verdict and are covered by the
fingerprint; the fields marked descriptive (licences, the card's words) may be edited freely. Fields that
still have their default are left out of the fingerprint, so that a new optional field changes no old one.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from itertools import chain
from typing import Any, Literal, get_args

from tinyai_registry.errors import RecipeError

Kind = Literal["fr", "nr", "filter"]
KINDS: tuple[Kind, ...] = ("fr", "nr", "filter")

_ID = re.compile(r"[a-z0-9][a-z0-9_]{0,63}\Z")
# Names that begin with an underscore are the exporter's own.
_TENSOR = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_DESCRIPTIVE = {"descriptive": True}


def _floats(noun: object, *names: str) -> None:
    # 1 and 1.0 are equal, so they must have one fingerprint too.
    for name in names:
        object.__setattr__(noun, name, float(getattr(noun, name)))


@dataclass(frozen=True)
class Input:
    """One named input tensor of the graph, ``[N, len(columns)]`` float32, filled from table columns."""

    tensor: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Lookup:
    """A numeric column derived from a categorical one: ``values`` says which number stands for which value.

    A value of the table that is not listed is refused, never a silent zero.
    """

    column: str
    of: str
    values: tuple[tuple[str, float], ...]


def one_hot(of: str, values: Sequence[str]) -> tuple[Lookup, ...]:
    """One derived column ``<of>=<value>`` for each of ``values``: 1 where the table has that value, else 0."""
    return tuple(
        Lookup(f"{of}={chosen}", of, tuple((value, float(value == chosen)) for value in values)) for chosen in values
    )


Activation = Literal["gelu", "relu", "tanh"]


@dataclass(frozen=True)
class MLP:
    """A multilayer perceptron with one output; what the built-in trainer and exporter understand.

    ``squash`` limits standardised features softly to (-squash, squash): ``squash * tanh(feature / squash)``, against
    outliers. ``bounded`` brings the output into the target range by a sigmoid. Both happen inside the graph.
    """

    hidden: tuple[int, ...]
    activation: Activation = "gelu"
    dropout: float = 0.0
    squash: float | None = None
    bounded: bool = False

    def __post_init__(self) -> None:
        _floats(self, "dropout")
        if self.activation not in get_args(Activation):
            raise RecipeError(f"MLP.activation is {self.activation!r}, not one of {get_args(Activation)}")
        if not self.hidden or min(self.hidden) < 1:
            raise RecipeError(f"MLP.hidden must be one or more positive widths, not {self.hidden}")
        if not 0.0 <= self.dropout < 1.0:
            raise RecipeError(f"MLP.dropout must lie in [0, 1), not {self.dropout}")
        if self.squash is not None and self.squash <= 0:
            raise RecipeError(f"MLP.squash must be positive, not {self.squash}")


@dataclass(frozen=True)
class AdamW:
    """AdamW on the mean squared error, in shuffled mini-batches; the last batch of an epoch may be short."""

    learning_rate: float
    weight_decay: float
    batch_size: int
    epochs: int

    def __post_init__(self) -> None:
        _floats(self, "learning_rate", "weight_decay")
        if self.batch_size < 1 or self.epochs < 1 or not self.learning_rate > 0 or not self.weight_decay >= 0:
            raise RecipeError(
                f"AdamW takes a positive batch_size, epochs and learning_rate, and no negative weight_decay: {self}"
            )


@dataclass(frozen=True)
class Ensemble:
    """``size`` networks whose scores are averaged: every fit is made with the seeds ``seed``, ``seed + 1``, ….

    They ship as one graph. ``separate`` also ships each member as an artifact with a row of its own.
    """

    size: int
    separate: bool = False

    def __post_init__(self) -> None:
        _at_least_two("Ensemble.size", self.size)


@dataclass(frozen=True)
class LeaveOneGroupOut:
    """One fold for each group: trained on all the others, tested on that one (LOSO over source clips)."""


@dataclass(frozen=True)
class KFold:
    """``folds`` folds of shuffled rows, for tables whose rows are independent of each other.

    ``stratify`` gives every fold the same distribution of the target.
    """

    folds: int
    seed: int = 0
    stratify: bool = False

    def __post_init__(self) -> None:
        _at_least_two("KFold.folds", self.folds)


@dataclass(frozen=True)
class GroupKFold:
    """``folds`` folds of shuffled groups: the rows of a group are held out together."""

    folds: int
    seed: int = 0

    def __post_init__(self) -> None:
        _at_least_two("GroupKFold.folds", self.folds)


@dataclass(frozen=True)
class RepeatedHoldout:
    """``splits`` independent random splits of the rows, each holding out the share ``test``."""

    splits: int
    test: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        _at_least_two("RepeatedHoldout.splits", self.splits)
        _share("RepeatedHoldout.test", self.test)


@dataclass(frozen=True)
class HeldOut:
    """A share ``test`` of the groups is set aside for a final test; ``within`` cuts what is left.

    No fit, not even the final one, sees a row of the test split.
    """

    within: LeaveOneGroupOut | GroupKFold
    test: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        _share("HeldOut.test", self.test)


Scheme = LeaveOneGroupOut | KFold | GroupKFold | RepeatedHoldout | HeldOut


def _at_least_two(what: str, value: int) -> None:
    if value <= 1:
        raise RecipeError(f"{what} must be two or more, not {value}")


def _share(what: str, value: float) -> None:
    if not 0.0 < value < 1.0:
        raise RecipeError(f"{what} must lie between 0 and 1, not {value}")


Aggregation = Literal["mean", "min", "max", "spread", "median"]


@dataclass(frozen=True)
class Criterion:
    """One line of the gate: an aggregate of a metric over all folds, held against a threshold.

    ``spread`` is max - min. ``part`` may be the test split of a ``HeldOut`` scheme instead of the folds; it has one
    value and so nothing to aggregate. ``against`` compares with the recipe's reference model on the same rows: its
    value is subtracted (``difference``) or divided by (``ratio``).

    >>> str(Criterion("plcc", "mean", ">=", 0.95))
    'mean PLCC over folds >= 0.95'
    >>> str(Criterion("rmse", "mean", "<=", 0.97, part="test", against="ratio"))
    "RMSE on the test split / the reference's <= 0.97"
    """

    metric: str
    aggregate: Aggregation
    relation: Literal[">=", "<="]
    threshold: float
    part: Literal["folds", "test"] = "folds"
    against: Literal["difference", "ratio"] | None = None

    def __post_init__(self) -> None:
        _floats(self, "threshold")
        choices: dict[str, tuple[object, ...]] = {
            "aggregate": get_args(Aggregation),
            "relation": (">=", "<="),
            "part": ("folds", "test"),
            "against": ("difference", "ratio", None),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise RecipeError(f"Criterion.{name} is {getattr(self, name)!r}, not one of {allowed}")
        if not math.isfinite(self.threshold):
            raise RecipeError(f"Criterion.threshold must be a number, not {self.threshold}")

    def __str__(self) -> str:
        name = self.metric.upper()
        value = f"{self.aggregate} {name} over folds" if self.part == "folds" else f"{name} on the test split"
        other = {None: "", "difference": " - the reference's", "ratio": " / the reference's"}[self.against]
        return f"{value}{other} {self.relation} {self.threshold:g}"


@dataclass(frozen=True)
class MeanBy:
    """A reference model: the mean target of the training rows that share the row's value of ``column``.

    A value that no training row has gets the mean of all training rows.
    """

    column: str


@dataclass(frozen=True)
class Published:
    """A figure that someone else published for a protocol, and where."""

    metric: str
    value: float
    source: str


@dataclass(frozen=True)
class Protocol:
    """A further evaluation, beside the recipe's own folds, under a published protocol.

    ``mapping`` is what predictions go through before PLCC and RMSE: the four-parameter logistic that is usual in
    quality assessment, fitted on the held-out rows. The medians over the splits are compared with ``published``.
    """

    name: str
    scheme: Scheme
    mapping: Literal["logistic4"] | None = None
    published: tuple[Published, ...] = ()


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

    ``derived`` columns may be named as features. ``missing`` says what becomes of an empty feature cell: the
    table is refused, or each fit fills it with the median of its own training rows. A
    model at the stage ``proposed`` is registered but not yet trusted.

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
    derived: tuple[Lookup, ...] = ()
    missing: Literal["refuse", "median"] = "refuse"
    reference: MeanBy | None = None
    ensemble: Ensemble | None = None
    protocols: tuple[Protocol, ...] = field(default=(), metadata=_DESCRIPTIVE)
    stage: Literal["proposed", "production"] = field(default="production", metadata=_DESCRIPTIVE)

    def __post_init__(self) -> None:
        object.__setattr__(self, "target_range", tuple(float(bound) for bound in self.target_range))
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
            f"tensor names {tensors} must match {_TENSOR.pattern}": not all(_TENSOR.match(t) for t in tensors),
            "a feature column is named twice": len(set(columns)) != len(columns),
            "the target is also a feature": self.target in columns,
            f"target_range {self.target_range} is empty or endless": not 0 < high - low < math.inf,
            "declares no key column": not self.key,
            "declares no criterion, so every model would pass": not self.criteria,
            "a criterion compares with a reference that is not declared": self.reference is None
            and any(c.against for c in self.criteria),
            "a criterion judges a test split that the scheme does not set aside": not isinstance(self.folds, HeldOut)
            and any(c.part == "test" for c in self.criteria),
        }
        return [problem for problem, holds in checks.items() if holds]

    @property
    def feature_order(self) -> tuple[str, ...]:
        """Every feature column, input after input."""
        return tuple(chain.from_iterable(i.columns for i in self.inputs))

    @property
    def columns(self) -> tuple[str, ...]:
        """Every table column that the recipe needs, without repeats; what is derived is not in the table."""
        derived = {lookup.column for lookup in self.derived}
        features = (name for name in self.feature_order if name not in derived)
        reference = (self.reference.column,) if self.reference else ()
        sources = (lookup.of for lookup in self.derived)
        needed = (*self.key, self.group, self.clip, *features, *sources, *reference, self.target)
        return tuple(dict.fromkeys(needed))

    @property
    def seeds(self) -> tuple[int, ...]:
        """One seed for each member of the ensemble; else the one seed."""
        return tuple(range(self.seed, self.seed + (self.ensemble.size if self.ensemble else 1)))

    @property
    def member_names(self) -> tuple[str, ...]:
        """What the members of the ensemble are called where they ship separately; else none."""
        if self.ensemble is None or not self.ensemble.separate:
            return ()
        return tuple(f"{self.id}_seed{seed}" for seed in self.seeds)


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
        return kept if isinstance(value, Recipe | Input | Criterion | Lookup) else {type(value).__name__: kept}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
