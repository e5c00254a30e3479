"""What several models say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tinyai_registry.evaluation import TrainedModel


def mean_prediction(models: Sequence[TrainedModel], inputs: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float64]:
    """The mean of the members' scores, float64 ``[N]``."""
    scores: NDArray[np.float64] = np.mean([np.asarray(model.predict(inputs), np.float64) for model in models], axis=0)
    return scores
