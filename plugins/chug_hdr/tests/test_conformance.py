"""``chug_hdr_mos_v1`` and ``chug_hdr_mos_head_v1`` hold to what every plugin must hold to.

On a made table, because the ratings are not ours to ship: the rung decides most of the score, orientation and frame
rate the rest, so that there is something to gain over the mean of each rung.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tinyai_chug_hdr import LOG2_BITRATE
from tinyai_registry.testing.conformance import conformance


def write_table(folder: Path) -> Path:
    """80 contents, each at the seven rungs."""
    generator = np.random.default_rng(20)
    rows = []
    for content in range(80):
        portrait, framerate = bool(generator.integers(2)), float(generator.choice([24, 30, 60]))
        for rung, log2_bitrate in LOG2_BITRATE:
            height = int(rung.partition("p")[0])
            score = 45 + 9 * log2_bitrate + 12 * portrait + framerate / 5 + generator.normal(0, 3)
            rows.append(
                {
                    "video_id": f"{content}-{rung}",
                    "content_name": f"content{content}",
                    "bitladder": rung,
                    "orientation": "Portrait" if portrait else "Landscape",
                    "framerate": framerate,
                    "height": height,
                    "width": height * 16 // 9,
                    "split": ("test", "val", "train", "train", "train")[content % 5],
                    "mos": float(np.clip(score, 0, 100)),
                }
            )
    path = folder / "made.parquet"
    pd.DataFrame(rows).to_parquet(path)
    return path


TestConformance = conformance("chug_hdr_mos_v1", write_table)
TestHead = conformance("chug_hdr_mos_head_v1", write_table)
