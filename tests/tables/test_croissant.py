"""The description in Croissant, held against the checker of those who made the vocabulary."""

from __future__ import annotations

import json

import pytest

mlcroissant = pytest.importorskip("mlcroissant")

# Its own libraries warn of each other.
pytestmark = pytest.mark.filterwarnings("ignore")


def test_the_description_is_valid_and_leads_to_the_rows(build, write_logs, tmp_path):
    path, record, _ = build(write_logs(3), "--croissant", "--teacher", "vmaf_v0.6.1")
    description = tmp_path / "features.parquet.croissant.json"
    dataset = mlcroissant.Dataset(description)
    assert dataset.metadata.issues.errors == set()
    [file] = dataset.metadata.distribution
    assert file.sha256 == record["table"]["sha256"]
    rows = list(dataset.records("rows"))
    assert len(rows) == 15
    assert rows[6] == {
        "rows/source": b"S1",
        "rows/dis_basename": b"0001.y4m",
        "rows/crf": 21,
        "rows/teacher_model": b"vmaf_v0.6.1",
        "rows/frame_index": 1,
        "rows/adm2": pytest.approx(0.90101),
        "rows/motion2": 1.5,
        "rows/vmaf": 81.0,
    }
    assert path.exists()


def test_none_is_written_unless_it_is_asked_for(build, write_logs, tmp_path):
    build(write_logs(2))
    assert not list(tmp_path.glob("*.croissant.json"))


def test_clips_are_described_as_such(build, write_logs, tmp_path):
    build(write_logs(2), "--croissant", "--pool", "mean,p10")
    said = json.loads((tmp_path / "features.parquet.croissant.json").read_text())
    assert said["description"] == "Scores by libvmaf 3.0.0 of 2 encodes, a row for each clip (mean, p10)."
