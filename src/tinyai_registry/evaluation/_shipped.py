"""How the registered model does on the table that its refresh was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tinyai_registry.evaluation._metrics import Aggregate


@dataclass(frozen=True)
class Shipped:
    """The registered model, run on the rows that each fold of its refresh holds out.

    ``summary`` has its standard metrics over those folds; None where it could not be run, and then ``why``. ``sha256``
    is the digest of its file, None where its row has none. It may have been trained on some of these rows.
    """

    sha256: str | None
    summary: Mapping[str, Aggregate] | None
    why: str | None = None
