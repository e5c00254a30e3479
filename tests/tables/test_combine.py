"""Several tables become one by the names of their columns, or say why not."""

from __future__ import annotations

import hashlib
import json
import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tinyai_registry.documents import table_record


@pytest.fixture
def combine(tinyai, tmp_path, monkeypatch):
    """Writes frames, each under its name, and combines them: ``combine({"a": frame}, "--fill")``."""
    monkeypatch.chdir(tmp_path)

    def run(frames, *words):
        for name, frame in frames.items():
            frame.to_parquet(tmp_path / f"{name}.parquet")
        return tinyai("table", "combine", *(f"{name}={name}.parquet" for name in frames), "-o", "all.parquet", *words)

    return run


@pytest.fixture
def tables(frame):
    rows = frame[["source", "dis_basename", "frame_index", "adm2", "vmaf"]]
    return {"a": rows[:700], "b": rows[700:].rename(columns={"adm2": "adm"})}


def test_rows_follow_each_other_under_the_name_of_their_corpus(combine, tables, frame):
    ran = combine(tables, "--rename", "b:adm=adm2")
    assert ran.code == 0, ran
    found = pd.read_parquet("all.parquet")
    assert list(found) == ["corpus", "source", "dis_basename", "frame_index", "adm2", "vmaf"]
    assert found.corpus.to_list() == ["a"] * 700 + ["b"] * (len(frame) - 700)
    assert found.adm2.to_list() == frame.adm2.to_list()


def test_the_record_names_what_went_in(combine, tables, tmp_path, digests):
    assert combine(tables, "--rename", "b:adm=adm2").code == 0
    document = json.loads((tmp_path / "all.parquet.json").read_text())
    files = digests(tmp_path)
    assert document["table"]["sha256"] == files["all.parquet"]
    assert [(p["corpus"], p["sha256"], p["renamed"]) for p in document["record"]["parts"]] == [
        ("a", files["a.parquet"], {}),
        ("b", files["b.parquet"], {"adm": "adm2"}),
    ]
    inside = pq.read_metadata(tmp_path / "all.parquet").metadata[table_record.KEY]
    assert hashlib.sha256(inside).hexdigest() == document["record_sha256"]
    assert table_record.decode(inside, "all.parquet") == document["record"]
    wanted = "tinyai table combine a=a.parquet b=b.parquet --rename b:adm=adm2"
    assert document["made"]["command"] == wanted


def test_what_a_table_lacks_is_refused_or_filled_and_counted(combine, tables, tmp_path):
    ran = combine(tables)
    assert ran.code == 2
    assert ran.err.startswith(
        "tinyai: a.parquet lacks the column adm that another table has; rename one (--rename a:OLD=NEW)"
    )
    ran = combine(tables, "--fill", "--json")
    assert ran.code == 0
    assert ran.json["notes"] == ["a lacks adm; the cells are empty", "b lacks adm2; the cells are empty"]
    found = pd.read_parquet("all.parquet")
    assert found.adm.isna().sum() == 700
    record = json.loads((tmp_path / "all.parquet.json").read_text())["record"]
    assert [part["filled"] for part in record["parts"]] == [{"adm": 700}, {"adm2": len(found) - 700}]


def test_a_combined_table_leads_to_the_logs_of_both(tinyai, build, write_logs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    build(write_logs(3, "one"), output="one.parquet")
    build(write_logs(5, "two"), output="two.parquet")
    assert tinyai("table", "combine", "one.parquet", "two.parquet", "-o", "all.parquet").code == 0
    record = table_record.read_beside(str(tmp_path / "all.parquet"))
    assert record is not None
    origin = table_record.origin(record)
    assert (origin.logs, origin.libvmaf) == (8, ("3.0.0",))


KINDS = {
    "empty and numbers": (pa.nulls(1), pa.array([1], pa.int32()), pa.int32(), [None, 1]),
    "empty and text": (pa.array(["x"]), pa.nulls(1), pa.string(), ["x", None]),
    "whole numbers": (pa.array([2**53 + 1]), pa.array([1], pa.int16()), pa.int64(), [2**53 + 1, 1]),
    "numbers": (pa.array([1], pa.int32()), pa.array([0.1], pa.float32()), pa.float64(), [1.0, float(np.float32(0.1))]),
    "categories": (pa.array(["x"]).dictionary_encode(), pa.array(["y"], pa.large_string()), pa.string(), ["x", "y"]),
    "moments": (
        pa.array([1], pa.timestamp("s")),
        pa.array([1], pa.timestamp("ms")),
        pa.timestamp("ms"),
        pa.array([1000, 1], pa.timestamp("ms")).to_pylist(),
    ),
}


@pytest.mark.parametrize(("one", "other", "kind", "values"), KINDS.values(), ids=KINDS)
def test_a_column_gets_a_type_that_holds_the_values_of_both(tinyai, tmp_path, monkeypatch, one, other, kind, values):
    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.table({"x": one}), "a.parquet")
    pq.write_table(pa.table({"x": other}), "b.parquet")
    assert tinyai("table", "combine", "a.parquet", "b.parquet", "-o", "all.parquet").code == 0
    column = pq.read_table("all.parquet")["x"]
    assert (column.type, column.to_pylist()) == (kind, values)


def teacher(frame, name):
    return frame.assign(teacher_model=name)


WRONG = {
    "two teachers": (
        lambda t: {"a": teacher(t["a"], "v1"), "b": teacher(t["a"], "v2")},
        (),
        "a has the teacher_model v1, and b v2; what two have made is no one corpus, so make one again",
    ),
    "one teacher": (
        lambda t: {"a": teacher(t["a"], "v1"), "b": t["a"].assign(teacher_model=None)},
        (),
        "a says which teacher_model made it, and b does not",
    ),
    "two teachers in one": (
        lambda t: {"a": t["a"].assign(teacher_model=t["a"].source), "b": teacher(t["a"], "v1")},
        (),
        "a.parquet: column teacher_model has 6 values; a table has one, so split it",
    ),
    "text and numbers": (
        lambda t: {"a": t["a"], "b": t["a"].assign(vmaf="good")},
        (),
        "column vmaf is string in b.parquet, elsewhere double; convert one",
    ),
    "text and moments": (
        lambda t: {"a": t["a"].assign(made="yesterday"), "b": t["a"].assign(made=pd.Timestamp("2026-01-01"))},
        (),
        "column made is timestamp[us] in b.parquet, elsewhere string; convert one",
    ),
    "text and truths": (
        lambda t: {"a": t["a"].assign(made=True), "b": t["a"].assign(made="true")},
        (),
        "column made is string in b.parquet, elsewhere bool; convert one",
    ),
    "one file twice": (lambda t: {"a": t["a"], "b": t["a"]}, (), "a and b are one file, byte for byte; drop one"),
    "two names for one": (
        lambda t: t,
        ("--rename", "b:adm=adm2", "--rename", "b:adm=adm3"),
        "--rename b:adm=adm3: adm is called adm2 already; drop one",
    ),
    "a corpus already": (lambda t: {"a": t["a"].assign(corpus="x"), "b": t["a"]}, (), "a.parquet has a column corpus"),
    "no such column": (lambda t: t, ("--rename", "a:vif=vif0"), "a.parquet has no column vif to rename"),
    "no such table": (lambda t: t, ("--rename", "c:vif=vif0"), "no table is called c (there are: a, b)"),
    "two columns of one name": (lambda t: t, ("--rename", "a:adm2=vmaf"), "would have two columns called vmaf"),
    "words of another form": (lambda t: t, ("--rename", "adm2"), "--rename adm2: write NAME:OLD=NEW"),
    "lists": (
        lambda t: {"a": t["a"].assign(vmaf=[[1.0]] * 700), "b": t["b"]},
        (),
        "a.parquet: column vmaf has not one value for each row; flatten it",
    ),
}


@pytest.mark.parametrize(("change", "words", "told"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_refused_in_one_line(combine, tables, tmp_path, change, words, told):
    ran = combine(change(tables), *words)
    assert ran.code == 2
    [line] = ran.err.splitlines()
    assert line.startswith("tinyai: ")
    assert told in line
    assert not (tmp_path / "all.parquet").exists()


def test_two_tables_of_one_name_and_files_that_are_none(tinyai, tmp_path, frame, write_table):
    write_table(frame)
    (tmp_path / "odd.parquet").write_text("odd")
    output = ("-o", tmp_path / "all.parquet")
    path = tmp_path / "table.parquet"
    assert "two tables are called table" in tinyai("table", "combine", path, path, *output).err
    assert "cannot read the table" in tinyai("table", "combine", path, tmp_path / "gone.parquet", *output).err
    told = tinyai("table", "combine", tmp_path / "odd.parquet", *output).err
    assert "odd.parquet is no readable parquet file, and a table is one: write it as parquet" in told


@pytest.mark.parametrize("output", ["a.parquet", "a"])
def test_a_table_that_goes_in_is_not_written_over(combine, tinyai, tables, tmp_path, digests, output):
    tables["a"].to_parquet(tmp_path / "a.parquet")
    (tmp_path / "a.json").write_bytes((tmp_path / "a.parquet").read_bytes())
    before = digests(tmp_path)
    ran = tinyai("table", "combine", "a.parquet", "x=a.json", "-o", output)
    assert ran.code == 2
    assert "the table is made from it; name another with --output" in ran.err
    assert digests(tmp_path) == before


def test_pages_that_are_damaged_are_said_where_they_are_read(combine, tinyai, tables, tmp_path):
    for name, frame in tables.items():
        frame.to_parquet(tmp_path / f"{name}.parquet")
    damaged = bytearray((tmp_path / "b.parquet").read_bytes())
    damaged[4:1000] = b"\xff" * 996
    (tmp_path / "b.parquet").write_bytes(damaged)
    ran = tinyai("table", "combine", "a.parquet", "b.parquet", "-o", "all.parquet", "--fill")
    assert ran.code == 2
    assert ran.err.splitlines()[-1].startswith("tinyai: b.parquet is no readable parquet file: ")
    assert not (tmp_path / "all.parquet").exists()
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("odd\udcff.parquet",), "'odd\\udcff' has bytes that are no UTF-8; give the table a name: NAME=FILE"),
        (("a.parquet", "--rename", "a:adm2=\udcff"), "has bytes that are no UTF-8; give the column another name"),
        (("a=",), "'a=' names no file; write NAME=FILE, or FILE"),
        (("pointer.parquet",), "is a Git LFS pointer; run `git lfs pull`"),
    ],
)
def test_words_that_name_no_table_are_one_line(combine, tinyai, tables, tmp_path, words, told):
    tables["a"].to_parquet("a.parquet")
    shutil.copy("a.parquet", "odd\udcff.parquet")
    (tmp_path / "pointer.parquet").write_text("version https://git-lfs.github.com/spec/v1\n")
    ran = tinyai("table", "combine", *words, "-o", "all.parquet")
    assert ran.code == 2
    assert told in ran.err


def test_a_path_need_not_be_utf_8(combine, tinyai, tables, tmp_path):
    assert combine({"a": tables["a"]}).code == 0
    (tmp_path / "a.parquet").rename(tmp_path / "odd\udcff.parquet")
    assert tinyai("table", "combine", "a=odd\udcff.parquet", "-o", "odd\udcffall.parquet").code == 0
    (tmp_path / "odd\udcffall.parquet").rename(tmp_path / "again.parquet")
    assert pd.read_parquet("again.parquet").equals(pd.read_parquet("all.parquet"))
