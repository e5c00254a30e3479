"""What a refresh would refuse is known without training; what moved between two tables is told, down to the group."""

from __future__ import annotations

import numpy as np
import pytest

from tinyai_registry.cli import steps
from tinyai_registry.cli.commands.table.diff import SHOWN


@pytest.fixture
def project(tinyai, duo_as, frame, write_table, tmp_path, monkeypatch, installed):
    """Two models on one table, and one without a table."""
    duo_as({})
    duo_as({'"duo_v1"': '"poor_v1"', '"duo_v1.plain"': '"poor_v1.plain"', '"stand-in"': '"nowhere"'}, name="poor")
    write_table(frame)
    (tmp_path / "tinyai.toml").write_text('[tables]\nstand-in = "table.parquet"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINYAI_BLOCK_PLUGINS", installed)
    return tmp_path


def test_a_table_that_a_refresh_would_take(tinyai, project, frame):
    ran = tinyai("table", "check", "duo_v1", "--json")
    [model] = ran.json["models"]
    assert (ran.code, model["model"], model["suitable"], model["why"]) == (0, "duo_v1", True, None)
    assert model["table"]["rows"] == len(frame)
    assert f"duo_v1: fit to train from ({len(frame)} rows, " in tinyai("table", "check", "duo_v1").out


def test_what_a_refresh_refuses_is_refused_in_the_same_words(tinyai, project, registry, frame, write_table):
    path = write_table(frame.assign(vmaf=frame.vmaf.where(frame.index != 5)), "hole.parquet")
    refused = tinyai("refresh", "duo_v1", "--table", path, "--registry", registry).err.splitlines()[-1]
    ran = tinyai("table", "check", "duo_v1", "--table", path, "--json")
    assert ran.code == 2
    assert f"tinyai: {ran.json['models'][0]['why']}" == refused
    assert "first in row 5" in refused


def test_all_models_that_have_a_table(tinyai, project, frame, write_table):
    ran = tinyai("table", "check", "--all", "--json")
    assert (ran.code, [each["model"] for each in ran.json["models"]]) == (0, ["duo_v1"])
    path = write_table(frame.drop(columns="motion2"), "other.parquet")
    ran = tinyai("table", "check", "--all", "--table", path, "--json")
    assert ran.code == 2
    assert {each["model"]: each["suitable"] for each in ran.json["models"]} == {"duo_v1": False, "poor_v1": False}


@pytest.mark.parametrize("words", [(), ("duo_v1", "--all")])
def test_one_model_or_all(tinyai, project, words):
    ran = tinyai("table", "check", *words)
    assert (ran.code, ran.err) == (2, "tinyai: name one MODEL, or give --all\n")


def test_what_came_and_went_and_what_moved_how_far(tinyai, frame, write_table):
    old = write_table(frame, "old.parquet")
    changed = frame[frame.source != "RedMaples"].copy()
    moved = changed.source == "CityNight"
    changed.loc[moved, "adm2"] += 2 * frame.adm2.std(ddof=0)
    changed = changed.assign(extra=1.0).drop(columns="cambi", errors="ignore")
    new = write_table(changed, "new.parquet")
    ran = tinyai("table", "diff", old, new, "--json")
    assert ran.code == 0
    found = ran.json
    went = len(frame) - len(changed)
    assert found["rows"] == {"old": len(frame), "new": len(changed), "came": 0, "went": went}
    assert found["groups"] == {"came": [], "went": ["RedMaples"]}
    assert found["columns"]["came"] == ["extra"]
    assert all(clip.startswith("RedMaples/") for clip in found["clips"]["went"])
    first = found["by_group"][0]
    assert (first["group"], first["farthest"]) == ("CityNight", "adm2")
    drift = {each["column"]: each for each in first["columns"]}
    assert drift["adm2"]["mean_shift"] == pytest.approx(2)
    assert drift["adm2"]["std_ratio"] == pytest.approx(1)
    assert drift["vmaf"]["mean_shift"] == pytest.approx(0)
    overall = {each["column"]: each for each in found["drift"]}
    wanted = (changed.adm2.mean() - frame.adm2.mean()) / frame.adm2.std(ddof=0)
    assert overall["adm2"]["mean_shift"] == pytest.approx(wanted)
    assert overall["adm2"]["std_ratio"] == pytest.approx(changed.adm2.std(ddof=0) / frame.adm2.std(ddof=0))
    assert "frame_index" not in overall
    told = tinyai("table", "diff", old, new).out.splitlines()
    assert told[told.index("groups that went, 1:") + 1] == "  RedMaples"
    [heading] = [line for line in told if line.startswith("clips that went")]
    clips = [f"  {clip}" for clip in found["clips"]["went"]]
    begin, shown = told.index(heading) + 1, min(len(clips), SHOWN)
    assert heading == f"clips that went, {len(clips)}:"
    assert told[begin : begin + shown] == clips[:shown]
    assert (f"  and {len(clips) - shown} more" in told) == (len(clips) > shown)
    assert any(line.startswith("  CityNight (") and "adm2: mean +2.000 old standard" in line for line in told)


def test_the_columns_of_a_model(tinyai, project, frame, write_table):
    path = write_table(frame, "old.parquet")
    ran = tinyai("table", "diff", path, path, "--model", "duo_v1", "--json")
    assert {each["column"] for each in ran.json["drift"]} == {"vif_scale0", "vif_scale1", "adm2", "motion2", "vmaf"}
    assert all(np.isclose(each["mean_shift"], 0) for each in ran.json["drift"])


def test_empty_cells_are_left_out_of_a_drift(tinyai, frame, write_table):
    old = write_table(frame, "old.parquet")
    new = write_table(frame.assign(adm2=frame.adm2.where(frame.index % 2 == 0)), "new.parquet")
    drift = {each["column"]: each for each in tinyai("table", "diff", old, new, "--json").json["drift"]}
    wanted = (frame.adm2[::2].mean() - frame.adm2.mean()) / frame.adm2.std(ddof=0)
    assert drift["adm2"]["mean_shift"] == pytest.approx(wanted)


def test_rows_are_told_apart_by_group_clip_and_frame(tinyai, frame, write_table):
    """Another frame in place of one, a row twice, a clip under another name: the tables have as many rows."""
    changed = frame.astype({"frame_index": float})
    changed.loc[0, "frame_index"] += 1000
    changed.loc[1] = changed.loc[2]
    changed.loc[changed.dis_basename == changed.dis_basename.iloc[-1], "dis_basename"] = "renamed"
    clip = (changed.dis_basename == "renamed").sum()
    ran = tinyai("table", "diff", write_table(frame, "old.parquet"), write_table(changed, "new.parquet"), "--json")
    assert ran.json["rows"] == {"old": len(frame), "new": len(frame), "came": 2 + clip, "went": 2 + clip}


def test_a_drift_that_is_undefined_is_told_with_its_reason(tinyai, frame, write_table):
    old = write_table(frame.assign(gone=1.0, here=1.0), "old.parquet")
    changed = frame.assign(gone=np.nan, here="1.0", adm2=frame.adm2.where(frame.source != "CityNight"))
    new = write_table(changed, "new.parquet")
    ran = tinyai("table", "diff", old, new, "--json")
    assert ran.code == 0
    assert {each["column"]: each["why"] for each in ran.json["unmeasured"]} == {
        "adm2": "no finite mean of the group CityNight in one of the tables",
        "gone": "no finite mean in one of the tables",
        "here": "it was double, and is large_string now",
    }
    assert {"gone", "here"}.isdisjoint(each["column"] for each in ran.json["drift"])
    [night] = [each for each in ran.json["by_group"] if each["group"] == "CityNight"]
    assert "adm2" not in {each["column"] for each in night["columns"]}
    assert "gone: no drift, as no finite mean in one of the tables" in tinyai("table", "diff", old, new).out


def test_a_table_without_rows_has_no_drift(tinyai, frame, write_table):
    ran = tinyai("table", "diff", write_table(frame, "old.parquet"), write_table(frame[:0], "new.parquet"), "--json")
    assert (ran.json["rows"]["went"], ran.json["drift"], ran.json["by_group"]) == (len(frame), [], [])


def test_a_column_of_groups_that_is_not_there(tinyai, frame, write_table):
    path = write_table(frame)
    ran = tinyai("table", "diff", path, path, "--group", "content")
    assert ran.code == 2
    assert "has no column content" in ran.err


@pytest.mark.parametrize(
    "words", ["table check duo_v1", "table diff table.parquet b.parquet", "table combine b.parquet"]
)
def test_each_says_how_far_it_is(tinyai, project, frame, write_table, monkeypatch, words):
    monkeypatch.setattr(steps, "PATIENCE", 0.0)
    write_table(frame, "b.parquet")
    output = ("-o", "all.parquet") if "combine" in words else ()
    ran = tinyai(*words.split(), *output)
    assert ran.code == 0
    assert " 100 % of " in ran.err
    assert tinyai(*words.split(), *output, "--json").err == ""
