"""``predictor_x264_v1`` holds to what every plugin must hold to.

On a made table: what is lost grows with the setting, less where little moves. Half of the encodes are another codec's,
for which the same setting means something else.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tinyai_registry.testing.conformance import conformance


def write_table(folder: Path) -> Path:
    """20 sources, each encoded at eight settings by two codecs."""
    generator = np.random.default_rng(20)
    rows = []
    for source in range(20):
        motion = generator.uniform(1, 9)
        for codec, offset in (("x264", 0), ("x265", 25)):
            for setting in range(18, 50, 4):
                score = 100 / (1 + np.exp((setting - 38 + motion - offset) / 6)) + generator.normal(0, 0.5)
                rows.append(
                    {
                        "source": f"source{source}",
                        "dis_basename": f"source{source}_{codec}_{setting}.y4m",
                        "codec": codec,
                        "rate_control": "crf",
                        "rate_value": float(setting),
                        "bitrate_kbps": 2000 * motion * 2 ** (-setting / 6),
                        "enc_height": 540.0,
                        "src_height": 540.0,
                        "motion": motion,
                        "vmaf": float(np.clip(score, 0, 100)),
                    }
                )
    path = folder / "made.parquet"
    pd.DataFrame(rows).to_parquet(path)
    return path


TestConformance = conformance("predictor_x264_v1", write_table)
