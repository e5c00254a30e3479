"""``learned_filter_v1`` holds to what every plugin must hold to, on a few crops of each picture."""

from __future__ import annotations

import pytest

pytest.importorskip("skimage")

from tinyai_learned_filter.crops import write_table
from tinyai_registry.testing.conformance import conformance

TestConformance = conformance("learned_filter_v1", lambda folder: write_table(folder / "crops.parquet", 2))
