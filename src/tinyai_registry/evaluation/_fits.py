"""What the hooks hand to each other between table and release: fits, trained models, held-out rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tinyai_registry.lab.standardisation import Standardisation


@dataclass(frozen=True)
class Fit:
    """One training job: row numbers of the table, int64 ``[n]``, and a seed. ``label`` names it for people."""

    label: str
    rows: NDArray[np.int64]
    seed: int


class TrainedModel(Protocol):
    """What training returns for a fit."""

    @property
    def standardisation(self) -> Standardisation | None:
        """What the model does to features before its network; None where it takes them as they are."""

    def predict(self, inputs: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float64]:
        """Scores ``[N]`` in target units for raw features: ``{tensor: [N, columns of that tensor]}``."""


@dataclass(frozen=True)
class HeldOutRows:
    """The rows of one fold, seen only after training: target and prediction, float64 ``[n]``, in target units.

    ``members`` ``[M, n]`` is what each member of the ensemble predicts, in the order of the recipe's seeds; where there
    is no ensemble, it is the one prediction.
    """

    group: str
    rows: NDArray[np.int64]
    target: NDArray[np.float64]
    prediction: NDArray[np.float64]
    members: NDArray[np.float64]


@dataclass(frozen=True)
class Scatter:
    """Held-out predictions, as far as they are shown: of each fold every ``step``-th pair of target and prediction."""

    folds: tuple[tuple[tuple[float, float], ...], ...] = ()
    step: int = 1
