"""What the models of all folds said of the rows that they never saw: its digest, and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tinyai_registry.evaluation import HeldOutRows
from tinyai_registry.files import sha256_of
from tinyai_registry.lab.rows_file import write_rows
from tinyai_registry.lab.table import Table


def digest_predictions(parts: Sequence[HeldOutRows]) -> str:
    """The SHA-256 of all predictions as little-endian float64, in the order of the table's rows.

    A row that several parts hold out counts as often, in the order of the parts.
    """
    rows = np.concatenate([part.rows for part in parts])
    predictions = np.concatenate([part.prediction for part in parts]).astype("<f8")
    return sha256_of(predictions[np.argsort(rows, kind="stable")].tobytes())


def write_predictions(path: Path, table: Table, parts: Sequence[HeldOutRows]) -> None:
    """Write a row for each prediction, fold by fold: the table's keys, ``fold``, ``target`` and ``prediction``.

    The format is that of the ending of ``path``: parquet, CSV or JSON. Raises TableError for another, OSError if it
    cannot be written.
    """
    rows = np.concatenate([part.rows for part in parts])
    columns = {
        key: table.frame[key].iloc[rows].to_numpy() for key in dict.fromkeys((*table.recipe.key, table.recipe.group))
    }
    columns["fold"] = np.concatenate([np.full(len(part.rows), part.group) for part in parts])
    columns["target"] = np.concatenate([part.target for part in parts])
    columns["prediction"] = np.concatenate([part.prediction for part in parts])
    write_rows(path, columns)
