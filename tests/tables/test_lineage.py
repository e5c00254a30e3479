"""From the logs to a release, and from the release back to the logs, digest by digest."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from tinyai_registry.documents import table_record

EXAMPLE_TABLE = Path(__file__).parents[2] / "examples" / "tables" / "vmaf_features_b.parquet"

SCORES = {
    "integer_adm2": "adm2",
    **{f"integer_vif_scale{scale}": f"vif_scale{scale}" for scale in range(4)},
    "integer_motion2": "motion2",
    "vmaf": "vmaf",
}


@pytest.fixture
def every() -> int:
    """Every how many-th frame of the example's table is in the logs; a test may say another."""
    return 8


@pytest.fixture
def rows(every) -> pd.DataFrame:
    whole = pd.read_parquet(EXAMPLE_TABLE)
    return whole[whole.frame_index % every == 0].reset_index(drop=True)


@pytest.fixture
def project(rows, tmp_path, build, monkeypatch):
    """A folder with logs that have the scores of the example's table, the table that is built from them, a registry."""
    (tmp_path / "logs").mkdir()
    lines = ["log,source,dis_basename"]
    for (source, clip), of_clip in rows.groupby(["source", "dis_basename"]):
        frames = [
            {"frameNum": row.frame_index, "metrics": {name: getattr(row, column) for name, column in SCORES.items()}}
            for row in of_clip.sort_values("frame_index").itertuples()
        ]
        (tmp_path / "logs" / f"{clip}.json").write_text(json.dumps({"version": "3.0.0", "frames": frames}))
        lines.append(f"{clip}.json,{source},{clip}")
    (tmp_path / "pairs.csv").write_text("\n".join(lines) + "\n")
    build(tmp_path / "pairs.csv", "--logs", tmp_path / "logs", "--teacher", "vmaf_v0.6.1")
    tables = 'stand-in = "features.parquet"\nnetflix-public = "features.parquet"\n'
    (tmp_path / "tinyai.toml").write_text(f'[registry]\npath = "registry"\n[tables]\n{tables}')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_built_table_has_the_rows_of_the_table_that_its_logs_came_from(project, rows):
    columns = ["source", "dis_basename", "frame_index", *SCORES.values()]
    order = ["source", "dis_basename", "frame_index"]
    ours = pd.read_parquet(project / "features.parquet")[columns].sort_values(order).reset_index(drop=True)
    pd.testing.assert_frame_equal(ours, rows[columns].sort_values(order).reset_index(drop=True), check_exact=True)


@pytest.mark.parametrize("every", [1])  # its gate asks for as many steps as the whole table gives
def test_a_built_table_refreshes_the_first_plugin(tinyai, project, registry):
    pytest.importorskip("tinyai_fr_regressor")
    ran = tinyai("refresh", "fr_regressor_v1", "--json")
    assert (ran.code, ran.json["status"]) == (0, "published"), ran
    told = ran.json["table"]
    record = json.loads((project / "features.parquet.json").read_text())
    assert told["origin"] == {"libvmaf": ["3.0.0"], "logs": 88, "record_sha256": record["record_sha256"]}
    assert (told["teacher_model"], told["extractor"]) == ("vmaf_v0.6.1", "libvmaf 3.0.0")
    assert tinyai("validate", "--strict", "--logs", "logs").code == 0


@pytest.fixture
def released(tinyai, registry, project, duo):
    assert tinyai("refresh", "duo_v1").code == 0
    return project


def codes(ran) -> list[str]:
    return [finding["code"] for finding in ran.json["findings"] if finding["code"].startswith("TAI91")]


def test_what_is_not_as_it_was_is_told_and_nothing_else(tinyai, released):
    def found(where="logs"):
        ran = tinyai("validate", "--logs", where, "--json")
        return ran.code, [f["code"] for f in ran.json["findings"] if f["code"].startswith("TAI91")], ran.out

    assert found()[:2] == (0, [])
    *gone, edited = sorted((released / "logs").iterdir())[:3]
    for log in gone:
        log.unlink()
    code, codes, told = found()
    assert (code, codes) == (0, ["TAI912"])
    assert "and 1 more" in told
    edited.write_text(edited.read_text().replace("0.9", "0.8", 1))
    code, codes, told = found()
    assert (code, codes) == (1, ["TAI912", "TAI913"])
    assert edited.name in told
    record = released / "features.parquet.json"
    whole = json.loads(record.read_text())
    for digest in ("0" * 64, "none"):
        whole["record"]["logs"][0]["sha256"] = digest
        record.write_text(json.dumps(whole))
        assert found()[:2] == (0, ["TAI911"])
    record.unlink()
    assert found()[:2] == (0, ["TAI911"])
    ran = tinyai("validate", "--logs", "nowhere")
    assert (ran.code, ran.err) == (
        2,
        "tinyai: the folder of the logs, nowhere, is not there; give another with --logs\n",
    )


def test_a_table_whose_record_is_broken_is_refused(tinyai, released):
    table = pq.read_table(released / "features.parquet")
    for noted in (b"{", b"[]", b'{"schema_version": 1}'):
        pq.write_table(table.replace_schema_metadata({table_record.KEY: noted}), released / "features.parquet")
        ran = tinyai("refresh", "duo_v1")
        assert ran.code == 2
        [line] = [line for line in ran.err.splitlines() if line.startswith("tinyai:")]
        assert "features.parquet: what it says of itself is" in line


def test_a_table_that_says_nothing_of_itself_is_as_good_as_before(tinyai, registry, project, duo, frame, write_table):
    write_table(frame, "features.parquet")
    ran = tinyai("refresh", "duo_v1", "--json")
    assert ran.code == 0
    assert "origin" not in ran.json["table"]
    assert tinyai("validate", "--logs", "logs").code == 0
