"""The opponent: the recipe of fr_regressor_v1 as anyone would write it in PyTorch, one fit after another.

``python bench/plain_loop.py TABLE`` prints the mean PLCC, SROCC and RMSE over folds, and the in-sample PLCC.
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

from tinyai_fr_regressor import FR_REGRESSOR_V1 as RECIPE

Predict = Callable[[np.ndarray], np.ndarray]


def fit(features: np.ndarray, target: np.ndarray) -> Predict:
    """Train one network; returns its predictor of raw features."""
    assert RECIPE.training is not None
    assert RECIPE.architecture is not None
    torch.manual_seed(RECIPE.seed)
    layers: list[nn.Module] = []
    width = features.shape[1]
    for hidden in RECIPE.architecture.hidden:
        layers += [nn.Linear(width, hidden), nn.GELU(), nn.Dropout(RECIPE.architecture.dropout)]
        width = hidden
    network = nn.Sequential(*layers, nn.Linear(width, 1))
    mean, std = features.mean(axis=0), features.std(axis=0)
    rows = torch.from_numpy(((features - mean) / std).astype(np.float32))
    data = TensorDataset(rows, torch.from_numpy(target.astype(np.float32)))
    loader = DataLoader(data, batch_size=RECIPE.training.batch_size, shuffle=True)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=RECIPE.training.learning_rate, weight_decay=RECIPE.training.weight_decay
    )
    loss = nn.MSELoss()
    for _ in range(RECIPE.training.epochs):
        for batch, wanted in loader:
            optimizer.zero_grad()
            loss(network(batch).squeeze(-1), wanted).backward()
            optimizer.step()
    network.eval()

    def predict(raw: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            scores = network(torch.from_numpy(((raw - mean) / std).astype(np.float32))).squeeze(-1)
        answer: np.ndarray = scores.double().numpy()
        return answer

    return predict


def main(path: str) -> None:
    """Leave-one-source-out, then the final fit."""
    frame = pd.read_parquet(path)
    features = frame[list(RECIPE.feature_order)].to_numpy()
    target, groups = frame[RECIPE.target].to_numpy(), frame[RECIPE.group].to_numpy()
    figures = []
    for group in sorted(set(groups)):
        held_out = groups == group
        scores = fit(features[~held_out], target[~held_out])(features[held_out])
        wanted = target[held_out]
        rmse = np.sqrt(np.mean((scores - wanted) ** 2))
        figures.append((pearsonr(scores, wanted).statistic, spearmanr(scores, wanted).statistic, rmse))
    in_sample = pearsonr(fit(features, target)(features), target).statistic
    plcc, srocc, rmse = np.mean(figures, axis=0)
    print(f"plain loop: PLCC {plcc:.6f}  SROCC {srocc:.6f}  RMSE {rmse:.5f}  in-sample PLCC {in_sample:.6f}")


if __name__ == "__main__":
    main(sys.argv[1])
