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


def test_columns_and_files_may_be_called_what_no_identifier_may(build, write_logs, tmp_path):
    manifest = write_logs(2)
    lines = manifest.read_text().splitlines()
    manifest.write_text(
        "".join(f"{line},{end}\n" for line, end in zip(lines, ("a b,a/b,a_b", "1,2,3", "4,5,6"), strict=True))
    )
    build(manifest, "--croissant", output="a table.parquet")
    dataset = mlcroissant.Dataset(tmp_path / "a table.parquet.croissant.json")
    assert dataset.metadata.issues.errors == set()
    found = [tuple(row[f"rows/a_b{end}"] for end in ("", "~2", "~3")) for row in dataset.records("rows")]
    assert found == [(1, 2, 3)] * 5 + [(4, 5, 6)] * 5
