"""Training a torch module on a table, for plugins that bring one: a fit has the same bits alone and among others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from tinyai_registry.errors import RecipeError
from tinyai_registry.evaluation import Fit
from tinyai_registry.lab.table import Table
from tinyai_registry.recipe import Adam, AdamW

_OPTIMISERS = {Adam: torch.optim.Adam, AdamW: torch.optim.AdamW}


@dataclass(frozen=True)
class TrainedModule:
    """A trained ``module``, which takes the recipe's ``tensors`` in order, as they are."""

    module: torch.nn.Module
    tensors: tuple[str, ...]
    standardisation: None = None

    def predict(self, inputs: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float64]:
        """What the module gives, ``[N]`` or ``[N, ...]``."""
        with torch.inference_mode():
            given = self.module(*(torch.from_numpy(inputs[each]) for each in self.tensors))
        return np.asarray(given.numpy(), np.float64)


def train_module(make: Callable[[], torch.nn.Module], table: Table, fit: Fit) -> TrainedModule:
    """What ``make`` gives, trained on the mean squared error as the recipe's ``training`` says, in shuffled batches.

    Every batch of inputs and targets is opened when it is needed. Raises RecipeError if the recipe declares no
    training.
    """
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(fit.seed)
        torch.set_num_threads(1)  # so that sums are added up in one order everywhere
        try:
            module = make()
            _descend(module, table, fit)
        finally:
            torch.set_num_threads(threads)
    return TrainedModule(module.eval(), tuple(each.tensor for each in table.recipe.inputs))


def _descend(module: torch.nn.Module, table: Table, fit: Fit) -> None:
    settings = table.recipe.training
    if settings is None:
        raise RecipeError(f"recipe {table.recipe.id} declares no training")
    optimiser = _OPTIMISERS[type(settings)](
        module.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    for _ in range(settings.epochs):
        for chosen in torch.split(torch.randperm(len(fit.rows)), settings.batch_size):
            rows = fit.rows[chosen.numpy()]
            inputs = table.inputs(rows)
            given = module(*(torch.from_numpy(inputs[each.tensor]) for each in table.recipe.inputs))
            wanted = torch.from_numpy(table.targets(rows).astype(np.float32))
            optimiser.zero_grad()
            (given - wanted).square().mean().backward()
            optimiser.step()
