"""The models of this plugin hold to what every plugin must hold to.

``fr_regressor_v1`` on the whole example table: the gate refuses what is trained on half of it. The models of clips on a
made table: features that fall with the CRF, and a score that is their mean, all but.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from tinyai_fr_regressor import FR_REGRESSOR_V2
from tinyai_registry.testing.conformance import conformance

EXAMPLE = Path(__file__).parents[3] / "examples" / "tables" / "vmaf_features_b.parquet"


def write_clips(folder: Path, rows: int = 120) -> Path:
    """Encodes of three sources. The seeds of an ensemble differ less the more there are."""
    generator, columns = np.random.default_rng(7), FR_REGRESSOR_V2.inputs[0].columns
    codec, number = np.array(["x264", "x265", "vp9", "svtav1", "mpeg2"]), np.arange(rows)
    crf = 10 + generator.permutation(rows) * 40 / rows
    quality = 1 - crf[:, None] / 60 + 0.005 * generator.standard_normal((rows, len(columns)))
    frame = pd.DataFrame(quality, columns=columns)
    frame["source"] = [f"source{n % 3}" for n in number]
    frame["codec"] = codec[number // 3 % 5]
    frame["rate_control"] = np.where(frame.codec == "mpeg2", "q", "crf")
    frame["rate_value"] = crf
    frame["corpus"] = "made"
    frame["dis_basename"] = [f"{s}_{c}_{n}" for s, c, n in zip(frame.source, frame.codec, number, strict=True)]
    frame["vmaf"] = 100 * quality.mean(axis=1)
    path = folder / "clips.parquet"
    frame.to_parquet(path)
    return path


TestFrames = conformance("fr_regressor_v1", lambda folder: Path(shutil.copy(EXAMPLE, folder)))
TestV2 = conformance("fr_regressor_v2", write_clips)
TestV3 = conformance("fr_regressor_v3", write_clips)
TestEnsemble = conformance("fr_regressor_v2_ensemble_v1", lambda folder: write_clips(folder, rows=240))
