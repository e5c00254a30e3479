"""What the models of all folds said of the rows that they never saw: its digest, and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinyai_registry.evaluation import HeldOutRows
from tinyai_registry.files import sha256_of
from tinyai_registry.lab.rows_file import write_rows
from tinyai_registry.lab.table import Table


def digest_predictions(parts: Sequence[HeldOutRows]) -> str:
    """The SHA-256 of all predictions as little-endian float64, in the order of the table's rows.

    A row that several parts hold out counts as often, in the order of the parts.
    """
    predictions = np.concatenate([part.prediction for part in parts]).astype("<f8")
    return sha256_of(predictions[_row_order(parts)].tobytes())


def write_predictions(path: Path, table: Table, parts: Sequence[HeldOutRows]) -> None:
    """Write a row for each prediction: the table's keys, ``fold``, ``target`` and ``prediction``.

    They are in the order of the digest, so that it is that of the column ``prediction``.
    The format is that of the ending of ``path``: parquet, CSV or JSON. Raises TableError for another, and if it
    cannot be written.
    """
    order = _row_order(parts)
    rows = np.concatenate([part.rows for part in parts])[order]
    columns = {
        key: table.frame[key].iloc[rows].to_numpy() for key in dict.fromkeys((*table.recipe.key, table.recipe.group))
    }
    columns["fold"] = np.concatenate([np.full(len(part.rows), part.group) for part in parts])[order]
    columns["target"] = np.concatenate([part.target for part in parts])[order]
    columns["prediction"] = np.concatenate([part.prediction for part in parts])[order]
    write_rows(path, columns)


def _row_order(parts: Sequence[HeldOutRows]) -> NDArray[np.intp]:
    """What brings the rows of ``parts``, one after another, into the order of the table."""
    return np.argsort(np.concatenate([part.rows for part in parts]), kind="stable")
