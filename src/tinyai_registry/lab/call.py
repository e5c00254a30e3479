"""How a registered model is called, by what its sidecar says and its graph is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyai_registry.evaluation import NEGLIGIBLE_STD
from tinyai_registry.lab.standardisation import Standardisation
from tinyai_registry.onnxfile.graph import Signature, signature
from tinyai_registry.onnxfile.onnx_messages import ModelProto
from tinyai_registry.onnxfile.scaler import scaler_in_graph
from tinyai_registry.recipe import Recipe, recipe_of

Said = Mapping[str, Any]
# What a tensor of rows has: [N, columns].
RANK_OF_ROWS = 2


@dataclass(frozen=True)
class Call:
    """The columns of each input that is fed from columns, in order; what is done to them first; the output to ask for.

    ``before`` covers those columns, one input after another; it is None where the graph takes them as they are.
    ``may_be_empty`` says whether its ``fill`` stands in for an empty cell. ``recipe`` is what derived columns are
    computed by. An input that is not in ``columns`` is handed over as an array.
    """

    columns: Mapping[str, tuple[str, ...]]
    output: str
    before: Standardisation | None
    may_be_empty: bool
    recipe: Recipe | None


def read_call(said: Said, graph: ModelProto) -> Call:
    """How to call ``graph``, of which the sidecar ``said`` speaks, in whichever dialect.

    Raises RecipeError for an embedded recipe of a later version.
    """
    found = signature(graph)
    columns = _columns(said, found)
    output = said.get("output_name")
    return Call(
        columns=columns,
        output=output if output in found.outputs else next(iter(found.outputs)),
        before=_before(said, graph, columns),
        may_be_empty="feature_fill" in said or any("fill" in each for each in said.get("inputs", ())),
        recipe=recipe_of(said["recipe"], said["kind"]) if "recipe" in said and columns else None,
    )


def _columns(said: Said, found: Signature) -> dict[str, tuple[str, ...]]:
    declared = {i["tensor"]: tuple(i["columns"]) for i in said.get("recipe", {}).get("inputs", ()) if "columns" in i}
    if not declared:  # other tools name the columns of one input, and not which
        order = tuple(_vector(said, "feature_order", "features"))
        declared = {name: order for name, shape in found.inputs.items() if shape[1:] == (len(order),)}
        declared = dict(list(declared.items())[:1])
    return {
        tensor: declared[tensor]
        for tensor, shape in found.inputs.items()
        if len(shape) == RANK_OF_ROWS and shape[1] == len(declared.get(tensor, ()))
    }


def _before(said: Said, graph: ModelProto, columns: Mapping[str, tuple[str, ...]]) -> Standardisation | None:
    """What the caller does to the columns: a column that the sidecar has no number for stays as it is."""
    order = _vector(said, "feature_order", "features")
    mean = _by_column(order, _vector(said, "feature_mean", "input_mean"))
    std = _by_column(order, _vector(said, "feature_std", "input_std"))
    fill = _by_column([name for names in columns.values() for name in names], said.get("feature_fill", ()))
    for each in said.get("inputs", ()):  # each of several; the others speak of the first alone
        names = each.get("columns", ())
        mean |= _by_column(names, each.get("mean", ()))
        std |= _by_column(names, each.get("std", ()))
        fill |= _by_column(names, each.get("fill", ()))
    if _standardises(said, graph):
        mean, std = {}, {}
    if not columns or not (mean or std or fill):
        return None
    names = [name for tensor in columns.values() for name in tensor]
    spread = np.array([std.get(name, 1.0) for name in names])
    return Standardisation(
        mean=np.array([mean.get(name, 0.0) for name in names]),
        std=np.where(spread < NEGLIGIBLE_STD, 1.0, spread),
        fill=np.array([fill.get(name, np.nan) for name in names]),
    )


def _standardises(said: Said, graph: ModelProto) -> bool:
    """Whether the graph does. Where nobody says so, its nodes do: one dialect records a scaler that it has built in."""
    marked = said.get("onnx_has_scaler")
    return marked if isinstance(marked, bool) else scaler_in_graph(graph)


def _vector(said: Said, *keys: str) -> list[Any]:
    return next((said[key] for key in keys if key in said), [])


def _by_column(order: list[str], values: list[float]) -> dict[str, float]:
    return dict(zip(order, values, strict=False))
