"""The plot of a release, as a refresh publishes it, and what its terminal shows."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys


def test_a_release_has_its_plot_and_a_changed_one_is_found(tinyai, duo, registry, frame, write_table):
    assert tinyai("refresh", "duo_v1", "--table", write_table(frame), "--registry", registry).code == 0
    drawn = registry / "duo_v1.svg"
    assert "](duo_v1.svg)" in (registry / "duo_v1.md").read_text()
    assert tinyai("validate", registry).code == 0
    drawn.write_bytes(drawn.read_bytes().replace(b"Folds", b"Bolds"))
    result = tinyai("validate", registry, "--format", "json")
    assert result.code == 1
    assert {"TAI203"} <= {each["code"] for each in json.loads(result.out)["findings"]}


def test_the_history_begins_with_the_release_that_was_adopted(tinyai, duo_as, registry, refresh, frame, write_table):
    duo_as({'("plcc", "min",': '("plcc", "mean",'})
    refresh(write_table(frame))
    made = json.loads((registry / "duo_v1.json").read_text())
    old = {key: made[key] for key in ("id", "kind", "onnx", "opset", "sha256", "feature_order")}
    (registry / "duo_v1.json").write_text(json.dumps(old | {"training": {"cv_mean_plcc": 0.8765}}))
    shutil.rmtree(registry / ".tinyai")
    for table in (write_table(frame), write_table(frame.iloc[:-8], "fewer.parquet")):
        assert refresh(table).json["status"] == "published"
        assert "first 0.8765" in (registry / "duo_v1.svg").read_text()
        assert tinyai("rollback", "duo_v1", "--registry", registry).code == 0


def test_nothing_of_other_libraries_reaches_the_terminal(tmp_path, registry, frame, write_table):
    """What onnxsim's extension says when a process takes it apart."""
    words = ["refresh", "fr_regressor_v1", "--table", str(write_table(frame)), "--registry", str(registry)]
    child = subprocess.run(
        [sys.executable, "-m", "tinyai_registry", *words], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert "leaked" not in child.stderr
    assert child.returncode in {0, 3}
