"""What a graph is fed for rows of the table, the way its sidecar tells callers to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from tinyai_registry.errors import VerificationError
from tinyai_registry.evaluation import TrainedModel
from tinyai_registry.lab.table import Table, split_inputs
from tinyai_registry.recipe import Recipe, Tensor

# Arrays by tensor: raw as a model's `predict` takes them, or as the graph itself is fed them.
Tensors = Mapping[str, NDArray[np.float32]]


def feed(recipe: Recipe, model: TrainedModel, raw: Tensors) -> Tensors:
    """What the graph is fed for ``raw``: empty cells filled, and standardised unless the graph does so itself.

    ``model`` is any member of the ensemble: they are trained on the same rows and share their standardisation. Raises
    VerificationError if nobody would standardise.
    """
    scaler, tensors = model.standardisation, {each.tensor for each in recipe.inputs if isinstance(each, Tensor)}
    given = {name: values for name, values in raw.items() if name in tensors}
    if not recipe.feature_order:
        return given
    if scaler is None and not recipe.scaler_in_graph:
        raise VerificationError(
            f"{recipe.id}: the recipe leaves the scaler out of the graph, but the model has no standardisation"
        )
    features = np.concatenate([raw[i.tensor] for i in recipe.inputs if i.tensor not in tensors], axis=1)
    if scaler is not None:
        features = scaler.fill_empty(features) if recipe.scaler_in_graph else scaler.apply(features)
    filled = {**split_inputs(recipe.inputs, features.astype(np.float32)), **given}
    return {each.tensor: filled[each.tensor] for each in recipe.inputs}


def feeds(table: Table, model: TrainedModel, rows: NDArray[np.int64]) -> Iterator[Tensors]:
    """The same for ``rows`` of the table, as many at a time as the graph takes."""
    for batch in table.batches(rows):
        ready = feed(table.recipe, model, table.inputs(batch))
        size = 1 if table.recipe.batch == "one" else len(batch)
        for start in range(0, len(batch), size):
            yield {name: values[start : start + size] for name, values in ready.items()}
