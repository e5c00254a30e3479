"""The three sizes hold to what every plugin must hold to.

On a made table: on as few real frames the smallest network is not done after 90 epochs.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tinyai_registry.testing.conformance import conformance
from tinyai_vmaf_tiny import FEATURES


def write_table(folder: Path) -> Path:
    """3 200 frames of 16 clips and four sources, in both corpora; a score that is linear in the features."""
    features = np.random.default_rng(20).standard_normal((3200, len(FEATURES)))
    number = np.arange(len(features))
    frame = pd.DataFrame(features, columns=list(FEATURES)).assign(
        corpus=np.where(number // 4 % 2, "a", "b"),
        source=[f"source{k % 4}" for k in number],
        dis_basename=[f"clip{k % 16}" for k in number],
        frame_index=number // 16,
        vmaf=np.clip(6 + features @ np.array([3.0, 2.0, 0.0, 0.0, 0.0, -1.0]), 0, 20),
    )
    path = folder / "aggregate.parquet"
    frame.to_parquet(path)
    return path


TestV2 = conformance("vmaf_tiny_v2", write_table)
TestV3 = conformance("vmaf_tiny_v3", write_table)
TestV4 = conformance("vmaf_tiny_v4", write_table)
