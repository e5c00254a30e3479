"""The digest of held-out predictions, which whoever has them can compute without this package."""

from __future__ import annotations

import hashlib
import json
import struct

import numpy as np
import pytest

from tinyai_registry.evaluation import HeldOutRows
from tinyai_registry.lab.predictions import digest_predictions


def part(rows, predictions):
    said = np.array(predictions, dtype=np.float64)
    return HeldOutRows("group", np.array(rows), np.zeros(len(rows)), said, said[None])


def wanted(*values):
    return hashlib.sha256(struct.pack(f"<{len(values)}d", *values)).hexdigest()


def test_it_is_of_little_endian_doubles_in_row_order():
    assert digest_predictions([part([3, 1], [3.5, 1.5]), part([0, 2], [0.5, 2.5])]) == wanted(0.5, 1.5, 2.5, 3.5)


def test_a_row_that_is_held_out_twice_counts_twice_in_the_order_of_the_parts():
    assert digest_predictions([part([1, 0], [1.0, 0.5]), part([1], [2.0])]) == wanted(0.5, 1.0, 2.0)


@pytest.mark.parametrize("changed", [0.5 + 2**-53, -0.5])
def test_the_last_bit_counts(changed):
    assert digest_predictions([part([0], [changed])]) != wanted(0.5)


def test_a_refresh_writes_what_its_folds_predict(tinyai, duo, registry, frame, write_table, tmp_path):
    import pandas as pd

    table, out = write_table(frame), tmp_path / "predictions.parquet"
    words = ("refresh", "duo_v1", "--table", table, "--registry", registry)
    assert tinyai(*words, "--predictions", out).code == 0
    written = pd.read_parquet(out)
    found = written.merge(frame, on=["source", "dis_basename", "frame_index"], validate="one_to_one")
    assert len(found) == len(frame)
    assert (found["target"] == found["vmaf"]).all()
    assert written.dis_basename.tolist() == frame.dis_basename.tolist()
    evaluation = json.loads((registry / "duo_v1.json").read_text())["evaluation"]
    assert evaluation["predictions_sha256"] == wanted(*written["prediction"])
    for fold in evaluation["folds"]:
        rows = found[found["fold"] == fold["group"]]
        assert len(rows) == fold["rows"]
        assert np.corrcoef(rows["target"], rows["prediction"])[0, 1] == pytest.approx(fold["plcc"])


def test_predictions_go_into_a_file_of_a_known_kind(tinyai, duo, registry, frame, write_table, tmp_path):
    words = ("refresh", "duo_v1", "--table", write_table(frame), "--registry", registry)
    result = tinyai(*words, "--predictions", tmp_path / "predictions.xlsx")
    assert result.code == 2
    assert "its name must end in .parquet, .csv, .json" in result.err
