"""The target runtime's limits, read from the data file that describes it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True)
class Runtime:
    """What one runtime loads. ``input_shapes`` maps a rank to its fixed dimensions, -1 where any size will do."""

    name: str
    max_file_bytes: int
    max_subgraph_depth: int
    max_loop_nodes: int
    max_operator_name_bytes: int
    max_feature_names: int
    domains: frozenset[str]
    operators: frozenset[str]
    input_shapes: Mapping[int, tuple[int, ...]]
    input_types: frozenset[str]
    ir_versions: frozenset[int]


def load_runtime(name: str = "libvmaf") -> Runtime:
    """The runtime described in ``onnxfile/runtimes/<name>.toml``."""
    file = resources.files("tinyai_registry") / "onnxfile" / "runtimes" / f"{name}.toml"
    data = tomllib.loads(file.read_text(encoding="utf-8"))
    return Runtime(
        name=name,
        max_file_bytes=data["max_file_bytes"],
        max_subgraph_depth=data["max_subgraph_depth"],
        max_loop_nodes=data["max_loop_nodes"],
        max_operator_name_bytes=data["max_operator_name_bytes"],
        max_feature_names=data["max_feature_names"],
        domains=frozenset(data["domains"]),
        operators=frozenset(op for family in data["operators"].values() for op in family),
        input_shapes={int(rank): tuple(dims) for rank, dims in data["input_shapes"].items()},
        input_types=frozenset(data["input_types"]),
        ir_versions=frozenset(data["ir_versions"]),
    )
