"""The story of a check: whether a model could be trained from a table, and what a reader would have to know."""

from __future__ import annotations

from dataclasses import dataclass

from tinyai_registry.errors import TinyaiError
from tinyai_registry.evaluation import Caveat, DataSet, TableFingerprint
from tinyai_registry.evaluation.caveats import table_caveats
from tinyai_registry.evaluation.progress import Progress
from tinyai_registry.plugins.owner import Owner
from tinyai_registry.workflows.evaluate import read_trainable
from tinyai_registry.workflows.judging.held_out import fetch_by


@dataclass(frozen=True)
class Suitability:
    """What became of one model: the table as it would be recorded, or in ``why`` the line that refuses it."""

    model: str
    table: TableFingerprint | None
    caveats: tuple[Caveat, ...] = ()
    why: str | None = None


def check(owner: Owner, data: DataSet, progress: Progress) -> Suitability:
    """Everything that a refresh of the model of ``owner`` would refuse of ``data`` before it trains."""
    recipe = owner.recipe
    try:
        with progress.step(f"read the table of {recipe.id}"):
            table = read_trainable(data, recipe, fetch_by(owner), progress)
    except TinyaiError as error:
        return Suitability(recipe.id, None, why=str(error))
    return Suitability(recipe.id, table.fingerprint, tuple(table_caveats(table.fingerprint, recipe)))
