"""``nr_metric_v1`` holds to what every plugin must hold to, on a few crops of each picture."""

from __future__ import annotations

import pytest

pytest.importorskip("skimage")

from tinyai_nr_metric.crops import write_table
from tinyai_registry.testing.conformance import conformance

TestConformance = conformance("nr_metric_v1", lambda folder: write_table(folder / "crops.parquet", 8))
