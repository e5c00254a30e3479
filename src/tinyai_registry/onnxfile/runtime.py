"""The target runtimes: what each loads, feeds and reads, from the data file that describes it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

# The released one: what it refuses of a graph is refused unless somebody says that the models are for another.
DEFAULT = "libvmaf"


@dataclass(frozen=True)
class SidecarKey:
    """How a loader reads one key of a sidecar: see ``onnxfile/runtimes/vmafx.toml`` for what the words mean.

    ``alias`` is read where the key is nowhere; ``needs`` maps a word to the keys without which it is refused.
    """

    name: str
    type: Literal["word", "choice", "text", "texts", "integer", "number", "numbers", "flag"]
    occurrence: Literal["quoted", "member"]
    alias: str | None = None
    limit: int = 0
    words: tuple[str, ...] = ()
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class SidecarFormat:
    """What a loader reads of a sidecar of at most ``max_bytes``; of a larger one nothing."""

    max_bytes: int
    keys: Mapping[str, SidecarKey]

    @property
    def words(self) -> frozenset[str]:
        """Every key that the loader looks for, aliases included."""
        return frozenset({*self.keys, *(key.alias for key in self.keys.values() if key.alias)})


@dataclass(frozen=True)
class Command:
    """What a runtime's command feeds a model by itself.

    ``inputs`` maps a rank to its dimensions: a number, "fixed" for any that the graph names, "batch" for 1 or open.
    ``without_names`` are the features that it feeds where the sidecar names none and the input is as wide. A second
    input is ``beyond_vocabulary`` wider than the encoder vocabulary; None where there is none.
    """

    inputs: Mapping[int, tuple[int | str, ...]]
    max_features: int
    extractors: frozenset[str]
    without_names: tuple[str, ...] = ()
    beyond_vocabulary: int | None = None

    def feeds(self, shape: Sequence[int | str | None]) -> bool:
        """Whether it fills an input of this shape; a dimension that the graph leaves open is a word or None."""
        wanted = self.inputs.get(len(shape))
        return wanted is not None and all(map(_fits, wanted, shape))


@dataclass(frozen=True)
class Runtime:
    """What one runtime loads. ``input_shapes`` maps a rank to its fixed dimensions, -1 where any size will do."""

    name: str
    max_file_bytes: int
    max_subgraph_depth: int
    max_loop_nodes: int
    max_operator_name_bytes: int
    domains: frozenset[str]
    operators: frozenset[str]
    input_shapes: Mapping[int, tuple[int, ...]]
    input_types: frozenset[str]
    ir_versions: frozenset[int]
    command: Command
    sidecar: SidecarFormat

    def runs(self, shape: Sequence[int | str | None]) -> bool:
        """Whether its session takes an input of this shape."""
        wanted = self.input_shapes.get(len(shape), ())
        is_one_or_open = bool(shape) and (shape[0] == 1 or not isinstance(shape[0], int))
        return (
            is_one_or_open
            and len(wanted) == len(shape)
            and all(w in (-1, d) for w, d in zip(wanted, shape, strict=True))
        )


def runtime_names() -> tuple[str, ...]:
    """The runtimes that there is a file for, in order."""
    return tuple(sorted(file.name.removesuffix(".toml") for file in _folder().iterdir() if file.name.endswith(".toml")))


def known_runtimes() -> tuple[Runtime, ...]:
    """All of them."""
    return tuple(map(load_runtime, runtime_names()))


@cache
def load_runtime(name: str = DEFAULT) -> Runtime:
    """The runtime described in ``onnxfile/runtimes/<name>.toml``. Raises KeyError if there is none."""
    if name not in runtime_names():
        raise KeyError(name)
    data = tomllib.loads((_folder() / f"{name}.toml").read_text(encoding="utf-8"))
    return Runtime(
        name=name,
        max_file_bytes=data["max_file_bytes"],
        max_subgraph_depth=data["max_subgraph_depth"],
        max_loop_nodes=data["max_loop_nodes"],
        max_operator_name_bytes=data["max_operator_name_bytes"],
        domains=frozenset(data["domains"]),
        operators=frozenset(op for family in data["operators"].values() for op in family),
        input_shapes=_by_rank(data["input_shapes"]),
        input_types=frozenset(data["input_types"]),
        ir_versions=frozenset(data["ir_versions"]),
        command=_command(data["command"]),
        sidecar=SidecarFormat(
            max_bytes=data["sidecar"]["max_bytes"],
            keys={name: _key(name, said) for name, said in data["sidecar"]["keys"].items()},
        ),
    )


def _fits(wanted: int | str, dimension: int | str | None) -> bool:
    if wanted == "batch":
        return dimension == 1 or not isinstance(dimension, int)
    return isinstance(dimension, int) and dimension > 0 if wanted == "fixed" else dimension == wanted


def _folder() -> Path:
    return Path(__file__).parent / "runtimes"


def _by_rank(data: Mapping[str, list[Any]]) -> dict[int, tuple[Any, ...]]:
    return {int(rank): tuple(dims) for rank, dims in data.items()}


def _command(data: Mapping[str, Any]) -> Command:
    return Command(
        inputs=_by_rank(data["inputs"]),
        max_features=data["max_features"],
        extractors=frozenset(data["extractors"]),
        without_names=tuple(data.get("without_names", ())),
        beyond_vocabulary=data.get("beyond_vocabulary"),
    )


def _key(name: str, data: Mapping[str, Any]) -> SidecarKey:
    needs = {word: tuple(keys) for word, keys in data.get("needs", {}).items()}
    return SidecarKey(**{**data, "name": name, "words": tuple(data.get("words", ())), "needs": needs})
