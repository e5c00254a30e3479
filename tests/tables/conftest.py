"""Logs as ``vmaf`` writes them, and the tables that are built from them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tinyai_registry.documents import table_record


def vmaf_log(number: int, frames: int = 5) -> dict:
    """A log in JSON that no other number gives."""
    scores = [
        {"integer_adm2": round(0.9 + i / 1000 + number / 1e5, 6), "integer_motion2": i * 1.5, "vmaf": 80.0 + i}
        for i in range(frames)
    ]
    return {
        "version": "3.0.0",
        "fps": 25.0,
        "frames": [{"frameNum": i, "metrics": each} for i, each in enumerate(scores)],
        "pooled_metrics": {},
        "aggregate_metrics": {},
    }


@pytest.fixture
def write_logs(tmp_path):
    """Writes so many logs and their manifest into a folder; returns the manifest."""

    def write(count: int, name: str = "corpus", change=lambda *_: None) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        lines = ["log,source,dis_basename,crf"]
        for number in range(count):
            log = vmaf_log(number)
            change(number, log)
            (folder / f"{number:04}.json").write_text(json.dumps(log, indent=2))
            lines.append(f"{number:04}.json,S{number % 4},{number:04}.y4m,{20 + number % 30}")
        manifest = folder / "pairs.csv"
        manifest.write_text("\n".join(lines) + "\n")
        return manifest

    return write


@pytest.fixture
def build(tinyai, tmp_path):
    """Runs ``tinyai table build``; returns the path of the table, the record beside it, and what was said."""

    def run(manifest: Path, *words, output: str = "features.parquet"):
        path = tmp_path / output
        ran = tinyai("table", "build", "--manifest", manifest, "-o", path, "--jobs", 2, *words)
        assert ran.code == 0, ran
        return path, json.loads(table_record.beside(path).read_text()), ran.err

    return run
