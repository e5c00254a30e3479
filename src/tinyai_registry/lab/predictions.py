"""The digest of what the models of all folds said of the rows that they never saw."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyai_registry.evaluation import HeldOutRows
from tinyai_registry.files import sha256_of


def digest_predictions(parts: Sequence[HeldOutRows]) -> str:
    """The SHA-256 of all predictions as little-endian float64, in the order of the table's rows.

    A row that several parts hold out counts as often, in the order of the parts.
    """
    rows = np.concatenate([part.rows for part in parts])
    predictions = np.concatenate([part.prediction for part in parts]).astype("<f8")
    return sha256_of(predictions[np.argsort(rows, kind="stable")].tobytes())
