"""The opponent: a recipe as anyone would write it in PyTorch, one fit after another.

``python bench/plain_loop.py TABLE`` trains fr_regressor_v1 and prints the mean PLCC, SROCC and RMSE over folds, and the
in-sample PLCC.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from scipy.stats import pearsonr, spearmanr
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tinyai_fr_regressor import FR_REGRESSOR_V1
from tinyai_registry import Recipe

Predict = Callable[[np.ndarray], np.ndarray]

ACTIVATIONS = {"gelu": nn.GELU, "relu": nn.ReLU, "tanh": nn.Tanh}
OUTPUTS: dict[str, list[nn.Module]] = {"linear": [], "sigmoid": [nn.Sigmoid()], "softplus": [nn.Softplus()]}


class Scaled(nn.Module):
    """``start + factor * x``."""

    def __init__(self, start: float, factor: float) -> None:
        super().__init__()
        self.start, self.factor = start, factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Of each element."""
        return self.start + self.factor * x


def network(recipe: Recipe) -> nn.Sequential:
    """The recipe's network, from standardised features to scores ``[N, 1]``."""
    mlp = recipe.architecture
    assert mlp is not None
    layers: list[nn.Module] = []
    width = len(recipe.feature_order)
    if mlp.squash is not None:
        layers += [Scaled(0.0, 1 / mlp.squash), nn.Tanh(), Scaled(0.0, mlp.squash)]
    if mlp.layer_norm:
        layers.append(nn.LayerNorm(width))
    for hidden in mlp.hidden:
        layers += [nn.Linear(width, hidden), ACTIVATIONS[mlp.activation](), nn.Dropout(mlp.dropout)]
        width = hidden
    layers += [nn.Linear(width, 1), *OUTPUTS[mlp.output_activation]]
    if mlp.bounded:
        low, high = recipe.target_range
        layers += [nn.Sigmoid(), Scaled(low, high - low)]
    return nn.Sequential(*layers)


def fit(recipe: Recipe, features: np.ndarray, target: np.ndarray, seed: int) -> Predict:
    """Train one network; returns its predictor of raw features."""
    settings = recipe.training
    assert settings is not None
    torch.manual_seed(seed)
    model = network(recipe)
    mean = np.where(recipe.standardised, np.nanmean(features, axis=0), 0.0)
    std = np.where(recipe.standardised, np.nanstd(features, axis=0), 1.0)
    std[std == 0] = 1.0
    rows = torch.from_numpy(np.nan_to_num((features - mean) / std).astype(np.float32))
    data = TensorDataset(rows, torch.from_numpy(target.astype(np.float32)))
    loader = DataLoader(data, batch_size=settings.batch_size, shuffle=True)
    algorithm = getattr(torch.optim, type(settings).__name__)
    optimizer = algorithm(model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    loss = nn.MSELoss()
    for _ in range(settings.epochs):
        for batch, wanted in loader:
            optimizer.zero_grad()
            loss(model(batch).squeeze(-1), wanted).backward()
            optimizer.step()
    model.eval()

    def predict(raw: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            scores = model(torch.from_numpy(((raw - mean) / std).astype(np.float32))).squeeze(-1)
        answer: np.ndarray = scores.double().numpy()
        return answer

    return predict


def main(path: str) -> None:
    """Leave-one-source-out, then the final fit."""
    recipe = FR_REGRESSOR_V1
    frame = pd.read_parquet(path)
    features = frame[list(recipe.feature_order)].to_numpy()
    target, groups = frame[recipe.target].to_numpy(), frame[recipe.group].to_numpy()
    figures = []
    for group in sorted(set(groups)):
        held_out = groups == group
        scores = fit(recipe, features[~held_out], target[~held_out], recipe.seed)(features[held_out])
        wanted = target[held_out]
        rmse = np.sqrt(np.mean((scores - wanted) ** 2))
        figures.append((pearsonr(scores, wanted).statistic, spearmanr(scores, wanted).statistic, rmse))
    in_sample = pearsonr(fit(recipe, features, target, recipe.seed)(features), target).statistic
    plcc, srocc, rmse = np.mean(figures, axis=0)
    print(f"plain loop: PLCC {plcc:.6f}  SROCC {srocc:.6f}  RMSE {rmse:.5f}  in-sample PLCC {in_sample:.6f}")


if __name__ == "__main__":
    main(sys.argv[1])
