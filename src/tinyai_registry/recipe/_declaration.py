"""The recipe itself."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Literal

from tinyai_registry.errors import RecipeError
from tinyai_registry.recipe._checks import require_tuples
from tinyai_registry.recipe._criteria import Criterion, MeanBy
from tinyai_registry.recipe._inputs import Derived, Input, OneHot, Tensor, announced, sources
from tinyai_registry.recipe._names import name_flaw
from tinyai_registry.recipe._network import MLP, Ensemble, Training
from tinyai_registry.recipe._protocols import Protocol
from tinyai_registry.recipe._quantisation import Int8
from tinyai_registry.recipe._rows import Where
from tinyai_registry.recipe._schemes import Scheme, columns_of, sets_test_aside

Kind = Literal["fr", "nr", "filter"]
KINDS: tuple[Kind, ...] = ("fr", "nr", "filter")

# What the template of a plugin has in fields that its owner is to decide; whoever releases a model under these has not.
UNDECIDED = {"license": "LicenseRef-undecided", "decision": "ADR-0000"}

_ID = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
# Names that begin with an underscore are the exporter's own.
_TENSOR = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
# The first that has LayerNormalization.
_LAYER_NORM_OPSET = 17
_DESCRIPTIVE = {"descriptive": True}


@dataclass(frozen=True)
class CardText:
    """The words of the model card that only the model's owner can write.

    They may have paragraphs, ``- `` lists and code in back-ticks; other markup is shown as it is written.
    """

    title: str
    summary: str
    intended_use: str
    limits: str


@dataclass(frozen=True)
class Recipe:
    """What a plugin declares about one model.

    ``inputs`` are in graph order, their columns in feature order. ``target`` is a column, or a tensor that the graph is
    to give for each row; ``target_range`` is in its units and scales the parity tolerance. ``key`` columns identify a
    row, ``group`` is what a fold holds out as a whole, ``clip`` tells the distorted clips apart. ``architecture`` and
    ``training`` are for the built-in trainer; a plugin that brings ``tinyai_train`` may leave them out.

    ``derived`` columns may be named as features, and as a source of one that is derived later. The model is trained and
    judged on the ``rows`` for which each condition holds, by default on all. ``missing`` says what becomes of an empty
    feature cell: the table is refused, or each fit fills it with the median of its own training rows. A model at the
    stage ``proposed`` is registered but not yet trusted. The graph takes ``batch`` rows at a time, any number or one,
    and gives ``[N]`` scores, or ``[N, 1]`` with an ``output_rank`` of 2. ``twins`` are what else is made of it.

    Raises RecipeError where the declaration contradicts itself.
    """

    id: str
    kind: Kind
    inputs: tuple[Input | Tensor, ...]
    target: str | Tensor
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
    training: Training | None = None
    seed: int = 0
    output: str = "score"
    opset: int = 17
    scaler_in_graph: bool = False
    derived: tuple[Derived, ...] = ()
    missing: Literal["refuse", "median"] = "refuse"
    reference: MeanBy | None = None
    ensemble: Ensemble | None = None
    rows: tuple[Where, ...] = ()
    batch: Literal["dynamic", "one"] = "dynamic"
    output_rank: Literal[1, 2] = 1
    twins: tuple[Int8, ...] = ()
    protocols: tuple[Protocol, ...] = field(default=(), metadata=_DESCRIPTIVE)
    stage: Literal["proposed", "production"] = field(default="production", metadata=_DESCRIPTIVE)

    def __post_init__(self) -> None:
        require_tuples(self, "inputs", "key", "criteria", "derived", "rows", "twins", "protocols")
        object.__setattr__(self, "target_range", tuple(float(bound) for bound in self.target_range))
        if not _ID.match(self.id):
            raise RecipeError(f"recipe id {self.id!r} must match {_ID.pattern}")
        if why := name_flaw(self.id):
            raise RecipeError(f"recipe id {self.id!r} will not do: {why}; choose another")
        for problem in self._contradictions():
            raise RecipeError(f"recipe {self.id}: {problem}")

    def _contradictions(self) -> list[str]:
        low, high = self.target_range
        tensors = [i.tensor for i in self.inputs] + [self.output]
        columns = self.feature_order
        made = [column for derived in self.derived for column in derived.columns]
        slots = set(chain.from_iterable(d.columns for d in self.derived if isinstance(d, OneHot) and d.unknown))
        said = list(chain.from_iterable(map(announced, (*self.inputs, *self.derived))))
        escaped = [name for name in columns if json.dumps(name) != f'"{name}"']
        checks = {
            f"kind {self.kind!r} is none of {', '.join(KINDS)}": self.kind not in KINDS,
            "declares no input": not self.inputs or not all(i.columns for i in self.inputs if isinstance(i, Input)),
            "the built-in networks take columns and give scores; leave `architecture` out": self.architecture
            is not None
            and bool(self.tensors),
            "a reference model predicts a column": self.reference is not None and bool(self.output_shape),
            "a tensor is no target to stratify by": bool(self.output_shape) and getattr(self.folds, "stratify", False),
            "output_rank speaks of scores, and the target is a tensor": self.output_shape != ()
            and self.output_rank != 1,
            "two tensors share a name": len(set(tensors)) != len(tensors)
            or (isinstance(self.target, Tensor) and self.target.tensor in tensors[:-1]),
            f"tensor names {tensors} must match {_TENSOR.pattern}": not all(_TENSOR.match(t) for t in tensors),
            "a feature column is named twice": len(set(columns)) != len(columns),
            f"feature columns {escaped} are written with escapes, which the C runtime does not know; rename them": bool(
                escaped
            ),
            "the target is also a feature": self.target in columns,
            "two derived columns share a name": len(set(made)) != len(made),
            "two of its inputs and derived columns share a sidecar_key": len(set(said)) != len(said),
            "an unknown slot takes every column of its one-hot among the features": not slots <= set(columns),
            f"batch {self.batch!r} is neither 'dynamic' nor 'one'": self.batch not in ("dynamic", "one"),
            f"output_rank {self.output_rank!r} is neither 1 nor 2": self.output_rank not in (1, 2),
            f"target_range {self.target_range} is empty or endless": not 0 < high - low < math.inf,
            "layer normalisation takes two or more features, and opset 17 or later": self.architecture is not None
            and self.architecture.layer_norm
            and (len(columns) == 1 or self.opset < _LAYER_NORM_OPSET),
            "declares no key column": not self.key,
            f"its members would be called {self.id}_seed{self.seed} and so on, which is too long": any(
                not _ID.match(name) for name in self.member_names
            ),
            "declares no criterion, so every model would pass": not self.criteria,
            f"declares {len(self.twins)} int8 twins, which would all be {self.id}.int8.onnx": len(self.twins) > 1,
            "two protocols share a name": len({p.name for p in self.protocols}) != len(self.protocols),
        }
        judged = [(self.folds, self.criteria), *((p.scheme, p.criteria) for p in self.protocols)]
        unprovable = [f"{c}: {why}" for scheme, criteria in judged for c in criteria if (why := self.flaw(c, scheme))]
        return [problem for problem, holds in checks.items() if holds] + unprovable

    def flaw(self, criterion: Criterion, scheme: Scheme) -> str | None:
        """Why no evaluation under ``scheme`` can have what ``criterion`` judges; None if one can."""
        if criterion.part == "test" and not sets_test_aside(scheme):
            return f"{type(scheme).__name__} sets no test split aside"
        if criterion.part == "seeds" and self.ensemble is None:
            return "the recipe declares no ensemble, and so one seed"
        if criterion.against in ("difference", "ratio") and self.reference is None:
            return "the recipe declares no reference model"
        return None

    @property
    def gate(self) -> tuple[Criterion, ...]:
        """What a release must prove: the criteria of the recipe, and the budgets of its twins."""
        return (*self.criteria, *chain.from_iterable(twin.criteria for twin in self.twins))

    @property
    def feature_order(self) -> tuple[str, ...]:
        """Every feature column, input after input."""
        return tuple(chain.from_iterable(i.columns for i in self.inputs))

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """What no column holds, and the owner's ``tinyai_inputs`` gives: inputs, and the target where it is one."""
        return tuple(each for each in (*self.inputs, self.target) if isinstance(each, Tensor))

    @property
    def target_name(self) -> str:
        """The column, or the tensor, that is predicted."""
        return self.target.tensor if isinstance(self.target, Tensor) else self.target

    @property
    def output_shape(self) -> tuple[int, ...]:
        """What the graph gives for a row, the shape of the target; empty for a score."""
        return self.target.shape if isinstance(self.target, Tensor) else ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Every table column that the recipe needs, without repeats; what is derived is not in the table."""
        made = {column for derived in self.derived for column in derived.columns}
        used = (*self.feature_order, *chain.from_iterable(map(sources, self.derived)))
        reference = (self.reference.column,) if self.reference else ()
        chosen = (where.column for where in self.rows)
        read = (name for name in used if name not in made)
        target = () if isinstance(self.target, Tensor) else (self.target,)
        told = chain.from_iterable(tensor.of for tensor in self.tensors)
        needed = (*self.key, self.group, self.clip, *read, *reference, *chosen, *self.cut_by, *told, *target)
        return tuple(dict.fromkeys(needed))

    @property
    def cut_by(self) -> tuple[str, ...]:
        """The columns by which its schemes cut the table, where they name any."""
        schemes = (self.folds, *(protocol.scheme for protocol in self.protocols))
        return tuple(dict.fromkeys(chain.from_iterable(map(columns_of, schemes))))

    @property
    def judged_protocols(self) -> tuple[Protocol, ...]:
        """The protocols whose criteria the gate asks for, beside the recipe's own."""
        return tuple(protocol for protocol in self.protocols if protocol.criteria)

    @property
    def announced(self) -> dict[str, Any]:
        """What the sidecar says at its top because an input or a derived column has a ``sidecar_key``."""
        nouns = (*self.inputs, *self.derived)
        return dict(chain.from_iterable(announced(noun).items() for noun in nouns))

    @property
    def standardised(self) -> tuple[bool, ...]:
        """For each of ``feature_order`` whether it is centred and scaled before the network."""
        return tuple(i.standardise for i in self.inputs for _ in i.columns)

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
