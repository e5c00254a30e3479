"""``konvid_mos_v1``, ``youtube_ugc_mos_v1`` and ``konvid_mos_head_v1`` hold to what every plugin must hold to.

On a made table, because the ratings are not ours to ship: 60 random features, a score that is linear in a few of them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tinyai_registry.testing.conformance import conformance


def write_table(folder: Path) -> Path:
    """400 clips, with a few empty cells as in the real tables."""
    generator = np.random.default_rng(20)
    features = generator.standard_normal((400, 60))
    score = features[:, :6] @ np.array([0.5, -0.4, 0.3, 0.3, -0.2, 0.2])
    features[generator.random(features.shape) < 0.005] = np.nan
    frame = pd.DataFrame(features, columns=[f"videval_{number:02}" for number in range(60)])
    frame["video_id"] = [f"clip{number}" for number in range(len(frame))]
    frame["mos"] = np.clip(3 + score, 1, 5)
    path = folder / "made.parquet"
    frame.to_parquet(path)
    return path


TestKonvid = conformance("konvid_mos_v1", write_table)
TestYoutube = conformance("youtube_ugc_mos_v1", write_table)
TestHead = conformance("konvid_mos_head_v1", write_table)
