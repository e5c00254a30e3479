"""``fr_regressor_v1`` holds to what every plugin must hold to.

On the whole example table: the gate refuses what is trained on half of it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tinyai_registry.testing.conformance import conformance

EXAMPLE = Path(__file__).parents[3] / "examples" / "tables" / "vmaf_features_b.parquet"

TestConformance = conformance("fr_regressor_v1", lambda folder: Path(shutil.copy(EXAMPLE, folder)))
