"""Full-reference regressors of the VMAF score: of a frame, and of an encode whose codec is known."""

from __future__ import annotations

from tinyai_fr_regressor.clips import FR_REGRESSOR_V2, FR_REGRESSOR_V2_ENSEMBLE_V1, FR_REGRESSOR_V3
from tinyai_fr_regressor.frames import FR_REGRESSOR_V1
from tinyai_registry import Recipe, hookimpl

__all__ = ["FR_REGRESSOR_V1", "FR_REGRESSOR_V2", "FR_REGRESSOR_V2_ENSEMBLE_V1", "FR_REGRESSOR_V3"]


@hookimpl
def tinyai_recipes() -> list[Recipe]:
    """One of frames, three of clips."""
    return [FR_REGRESSOR_V1, FR_REGRESSOR_V2, FR_REGRESSOR_V3, FR_REGRESSOR_V2_ENSEMBLE_V1]
