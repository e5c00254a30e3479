"""A small recipe on real rows, and what it reads, trains and exports."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from tinyai_registry.lab.folds import fits, plan
from tinyai_registry.lab.table import read_table
from tinyai_registry.lab.training import train_mlps
from tinyai_registry.recipe import MLP, AdamW, CardText, Criterion, Input, LeaveOneGroupOut, Recipe

EXAMPLE_TABLE = Path(__file__).parents[2] / "examples" / "tables" / "vmaf_features_b.parquet"


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    """Like the first plugin's, but narrow and quick."""
    return Recipe(
        id="small_v1",
        kind="fr",
        inputs=(Input("features", ("adm2", "vif_scale0", "vif_scale1", "vif_scale2", "vif_scale3", "motion2")),),
        target="vmaf",
        target_range=(0.0, 100.0),
        key=("source", "dis_basename", "frame_index"),
        group="source",
        clip="dis_basename",
        dataset="stand-in",
        folds=LeaveOneGroupOut(),
        criteria=(Criterion("plcc", "mean", ">=", 0.95),),
        license="MIT",
        dataset_license="CC0-1.0",
        decision="ADR-0001",
        card=CardText("Small", "A small model.", "Tests.", "It is small."),
        architecture=MLP((12, 10), "gelu", 0.1),
        training=AdamW(learning_rate=1e-2, weight_decay=1e-2, batch_size=37, epochs=3),
    )


@pytest.fixture(scope="session")
def table(recipe, tmp_path_factory):
    """480 real rows of eleven sources, of unequal size, none a multiple of the batch; read only."""
    rows = pd.read_parquet(EXAMPLE_TABLE)
    path = tmp_path_factory.mktemp("lab") / "table.parquet"
    rows[rows.frame_index % 24 == 0].to_parquet(path)
    return read_table(path, recipe)


@pytest.fixture(scope="session")
def all_fits(table):
    """Leave-one-source-out, and the final fit."""
    return fits(plan(table, table.recipe.folds), table.recipe.seeds)


@pytest.fixture(scope="session")
def trained(recipe, table, all_fits):
    """What the built-in trainer makes of ``all_fits``, together."""
    return train_mlps(recipe, table, all_fits)


@pytest.fixture
def read(recipe, write_table):
    """Reads a frame as the recipe's table; ``read(frame, target="psnr")`` changes the recipe first."""

    def through_parquet(frame, **changes):
        return read_table(write_table(frame), replace(recipe, **changes))

    return through_parquet
