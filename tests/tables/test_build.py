"""A table that is built from logs has what the logs have, to the last digit, and says where it comes from."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import work

from tinyai_registry.documents import table_record
from tinyai_registry.errors import EngineError, LogError
from tinyai_registry.evaluation.progress import Progress
from tinyai_registry.tables import build as building

CLIPS = ("DrivingHighway_x264_162p_crf35", "HisGirlFriday_x265_480p_crf29", "RedMaples_x264_540p_crf20")


def manifest_of(folder: Path, *lines: str, header: str = "log,source,dis_basename") -> Path:
    path = folder / "pairs.csv"
    path.write_text("\n".join((header, *lines)) + "\n")
    return path


# --- real logs


def test_the_real_logs_give_the_rows_of_the_real_table(build, shared, tmp_path):
    real = pd.read_parquet(shared / "data" / "vmaf_features_a.parquet")
    real = real[real.dis_basename.isin([f"{clip}.y4m" for clip in CLIPS])]
    said = real.drop_duplicates("dis_basename").set_index("dis_basename")
    columns = ["source", "codec", "enc_height", "rate_control", "rate_value", "bitrate_kbps", "src_width", "src_height"]
    lines = [f"{clip}.json,{clip}.y4m,{','.join(str(v) for v in said.loc[f'{clip}.y4m', columns])}" for clip in CLIPS]
    manifest = manifest_of(tmp_path, *lines, header=f"log,dis_basename,{','.join(columns)}")
    path, _, told = build(manifest, "--logs", shared / "data" / "vmaf_logs")
    ours = pd.read_parquet(path)
    assert len(ours) == len(real) == 294
    both = [column for column in real.columns if column in ours]
    assert both == list(real.columns)  # motion, too, which the log calls VMAF_integer_feature_motion_sad_score
    order = ["dis_basename", "frame_index"]
    for column in both:
        wanted, found = (t.sort_values(order)[column].to_list() for t in (real, ours))
        assert found == wanted, column
    [note] = [line for line in told.splitlines() if line.startswith("note")]
    assert note.startswith(
        f"note: psnr_hvs_cr is infinite or undefined in 2 frames, first in {CLIPS[1]}.json; the cells"
    )


def test_the_four_formats_of_one_sample_give_one_table(build, shared, tmp_path):
    tables = {}
    for suffix in ("json", "xml", "csv", "sub"):
        manifest = manifest_of(tmp_path, f"sample.{suffix},S,sample.y4m")
        path, _, _ = build(manifest, "--logs", shared / "data" / "vmaf_logs" / "formats", output=f"{suffix}.parquet")
        tables[suffix] = pq.read_table(path).replace_schema_metadata(None)
    assert tables["json"].num_rows == 6
    assert all(table.equals(tables["json"]) for table in tables.values())
    assert all(table.schema == tables["json"].schema for table in tables.values())


def test_all_digits_are_kept_and_rounding_is_told(build, shared, tmp_path):
    formats = shared / "data" / "vmaf_logs" / "formats"
    manifest = manifest_of(tmp_path, "precmax.json,S,long.y4m", "sample.json,S,short.y4m")
    path, record, told = build(manifest, "--logs", formats)
    scores = pd.read_parquet(path).vmaf.to_list()
    assert scores[0] == 87.028189478521256
    assert scores[6] == 87.028189
    assert record["record"]["six_decimals"] is False
    assert "note: the log precmax.json has more than six decimals, most others not" in told or (
        "note: the log sample.json has six decimals, most others not" in told
    )


def test_a_subsampled_log_keeps_its_frame_numbers(build, shared, tmp_path):
    formats = shared / "data" / "vmaf_logs" / "formats"
    for suffix in ("json", "xml", "csv"):
        path, record, _ = build(manifest_of(tmp_path, f"subsample.{suffix},S,a.y4m"), "--logs", formats)
        assert pd.read_parquet(path).frame_index.to_list() == [0, 2, 4]
        assert record["record"]["subsample"] == 2


def test_a_log_without_a_prediction_gives_features_alone_where_that_is_asked_for(build, shared, tmp_path):
    manifest = manifest_of(tmp_path, "noprediction.json,S,a.y4m")
    path, record, _ = build(manifest, "--logs", shared / "data" / "vmaf_logs" / "formats", "--no-target")
    assert list(pd.read_parquet(path)) == [
        "source", "dis_basename", "frame_index", "psnr_y", "psnr_cb", "psnr_cr"
    ]  # fmt: skip
    assert record["record"]["target"] is None


# --- rules


def test_what_is_not_finite_is_an_empty_cell_whatever_the_format(build, tmp_path):
    frame = '{"frameNum": %s, "metrics": {"psnr_y": %%s, "vmaf": 9%s.0}}'
    frames = f'"frames": [{frame % (0, 0)}, {frame % (1, 1)}]'
    texts = {
        "null.json": '{"version": "3.0.0", ' + frames % ("null", "null") + "}",
        "old.json": '{"version": "3.0.0", ' + frames % ("inf", "-nan") + ', "fps": 1}',
        "a.csv": "Frame,psnr_y,vmaf,\n0,inf,90.000000,\n1,-nan,91.000000,\n",
        "a.sub": "{0}{1}frame: 0|psnr_y: inf|vmaf: 90.000000|\n{1}{2}frame: 1|psnr_y: nan|vmaf: 91.000000|\n",
        "a.xml": '<VMAF version="3.0.0"><frames><frame frameNum="0" psnr_y="inf" vmaf="90.0"/>'
        '<frame frameNum="1" psnr_y="-inf" vmaf="91.0"/></frames></VMAF>',
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        path, record, _ = build(manifest_of(tmp_path, f"{name},S,a.y4m"), "--logs", tmp_path)
        table = pq.read_table(path)
        assert table["psnr_y"].null_count == 2, name
        assert table["vmaf"].to_pylist() == [90.0, 91.0]
        assert record["record"]["empty_cells"] == {"psnr_y": 2}


def test_scores_may_stand_in_another_order_in_another_log(build, write_logs):
    def turn(number, log):
        for frame in log["frames"] if number else ():
            frame["metrics"] = dict(reversed(frame["metrics"].items()))

    path, _, _ = build(write_logs(2, change=turn))
    table = pd.read_parquet(path)
    assert list(table) == ["source", "dis_basename", "crf", "frame_index", "adm2", "motion2", "vmaf"]
    assert table.vmaf.to_list() == [80.0, 81.0, 82.0, 83.0, 84.0] * 2


def test_names_stay_as_they_are_where_two_would_become_one(build, write_logs):
    def both(_, log):
        for frame in log["frames"]:
            frame["metrics"]["adm2"] = 0.5

    path, _, _ = build(write_logs(1, change=both))
    assert {"adm2", "integer_adm2", "motion2"} <= set(pd.read_parquet(path))


def test_a_log_that_no_line_names_is_told_and_left_out(build, write_logs):
    manifest = write_logs(3)
    manifest.write_text("\n".join(manifest.read_text().splitlines()[:-1]) + "\n")
    path, record, told = build(manifest)
    assert len(pd.read_parquet(path)) == 10
    note = "no line of the manifest names the log 0002.json; left out"
    assert f"note: {note}" in told.splitlines()
    assert record["record"]["notes"] == [note]


def test_only_the_features_that_are_asked_for(build, write_logs):
    path, _, _ = build(write_logs(2), "--features", "motion2")
    assert list(pd.read_parquet(path)) == ["source", "dis_basename", "crf", "frame_index", "motion2", "vmaf"]


def test_teacher_and_extractor_are_columns_where_they_are_known(build, write_logs):
    path, record, _ = build(write_logs(2), "--teacher", "vmaf_v0.6.1", "--extractor", "libvmaf 3.0.0")
    table = pd.read_parquet(path)
    assert set(table.teacher_model) == {"vmaf_v0.6.1"}
    assert set(table.extractor) == {"libvmaf 3.0.0"}
    assert record["record"]["teacher_model"] == "vmaf_v0.6.1"


def test_columns_of_the_manifest_have_the_type_of_what_stands_in_them(build, tmp_path, write_logs):
    write_logs(2)
    rows = ("0000.json,A,1,1.5,007,", "0001.json,B,2,2,x,3")
    manifest = manifest_of(tmp_path, *rows, header="log,source,rung,kbps,code,mos")
    path, _, _ = build(manifest, "--logs", tmp_path / "corpus")
    table = pd.read_parquet(path).drop_duplicates("source")
    assert table.rung.to_list() == [1, 2]
    assert table.kbps.to_list() == [1.5, 2.0]
    assert table.code.to_list() == ["007", "x"]
    assert np.isnan(table.mos.iloc[0])
    assert table.mos.iloc[1] == 3


# --- a row for each clip


def test_pooled_scores_are_those_of_libvmaf(build, shared, tmp_path):
    logs = shared / "data" / "vmaf_logs"
    manifest = manifest_of(tmp_path, *(f"{clip}.json,S,{clip}.y4m" for clip in CLIPS))
    path, _, _ = build(manifest, "--logs", logs, "--pool", "mean,harmonic_mean,min,max,p10")
    table = pd.read_parquet(path).set_index("dis_basename")
    assert table.frames.to_list() == [120, 120, 54]
    for clip in CLIPS:
        log = json.loads((logs / f"{clip}.json").read_text())
        for statistic in ("mean", "harmonic_mean", "min", "max"):
            for name, column in (("integer_vif_scale1", "vif_scale1"), ("vmaf", "vmaf"), ("float_ssim", "float_ssim")):
                wanted = log["pooled_metrics"][name][statistic]
                assert table[f"{column}_{statistic}"][f"{clip}.y4m"] == pytest.approx(wanted, abs=1e-6)
        scores = [frame["metrics"]["vmaf"] for frame in log["frames"]]
        assert table["vmaf_p10"][f"{clip}.y4m"] == np.percentile(scores, 10)
    assert np.isnan(table["psnr_hvs_cr_mean"]["HisGirlFriday_x265_480p_crf29.y4m"])  # so says libvmaf, too


# --- what the table says of itself


def test_the_record_names_every_log_and_stands_in_the_file_too(build, write_logs):
    manifest = write_logs(3)
    path, document, _ = build(manifest, "--pool", "mean")
    record = document["record"]
    assert document["table"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert record["manifest"] == {"file": "pairs.csv", "sha256": hashlib.sha256(manifest.read_bytes()).hexdigest()}
    logs = {each["file"]: each["sha256"] for each in record["logs"]}
    files = sorted(manifest.parent.glob("*.json"))
    assert logs == {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    assert record["libvmaf"] == ["3.0.0"]
    assert {"column": "adm2", "name": "integer_adm2"} in record["features"]
    assert document["made"]["command"] == "tinyai table build --manifest pairs.csv --pool mean"
    inside = pq.read_metadata(path).metadata[table_record.KEY]
    assert json.loads(inside) == record
    assert hashlib.sha256(inside).hexdigest() == document["record_sha256"]


def test_the_answer_in_json(tinyai, write_logs, tmp_path):
    ran = tinyai("table", "build", "--manifest", write_logs(2), "-o", tmp_path / "t.parquet", "--json")
    assert ran.code == 0
    assert (ran.json["rows"], ran.json["logs"], ran.json["notes"]) == (10, 2, [])
    assert ran.json["table"]["file"] == "t.parquet"
    assert ran.err == ""


def test_an_output_in_no_folder_is_an_error_before_the_work(tinyai, write_logs, tmp_path):
    ran = tinyai("table", "build", "--manifest", write_logs(1), "-o", tmp_path / "gone" / "t.parquet")
    assert ran.code == 2
    assert "its folder does not exist" in ran.err


@pytest.mark.parametrize("output", ["corpus/pairs.csv", "corpus/0001.json", "corpus/0001"])
def test_what_a_table_is_made_from_is_not_written_over(tinyai, write_logs, tmp_path, output, digests):
    manifest = write_logs(2)
    before = digests(tmp_path)
    ran = tinyai("table", "build", "--manifest", manifest, "-o", tmp_path / output)
    assert ran.code == 2
    assert "the table is made from it; name another with --output" in ran.err
    assert digests(tmp_path) == before


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("nowhere")], ids=["pipe", "link to nowhere"])
@pytest.mark.parametrize("name", ["t.parquet", "t.parquet.json"])
def test_what_is_no_file_is_not_written_over(tinyai, write_logs, tmp_path, make, name):
    make(tmp_path / name)
    ran = tinyai("table", "build", "--manifest", write_logs(2), "-o", tmp_path / "t.parquet")
    assert ran.code == 2
    assert f"{name}: what is there is no regular file" in ran.err
    assert (tmp_path / name).lstat().st_size in {0, len("nowhere")}


def test_a_path_need_not_be_utf_8(build, write_logs, tmp_path):
    here, _, _ = build(write_logs(2), output="here.parquet")
    odd, _, _ = build(write_logs(2, "corpus\udcff"), "--croissant", output="odd\udcff.parquet")
    assert odd.read_bytes() == here.read_bytes()


def test_a_word_of_the_command_line_that_becomes_a_column_must_be_utf_8(tinyai, write_logs, tmp_path):
    words = ("--teacher", "a\udcff", "-o", tmp_path / "t.parquet")
    ran = tinyai("table", "build", "--manifest", write_logs(2), *words)
    assert (ran.code, ran.err) == (
        2,
        "tinyai: teacher_model 'a\\udcff' has bytes that are no UTF-8; say it in UTF-8\n",
    )


def test_a_pipe_among_the_logs_keeps_nobody_waiting(build, write_logs):
    manifest = write_logs(2)
    os.mkfifo(manifest.parent / "pipe.json")
    _, record, _ = build(manifest)
    assert record["record"]["notes"] == []


def test_objects_that_are_nested_deeply_and_that_nobody_reads_do_no_harm(build, write_logs):
    manifest = write_logs(2)
    log = manifest.parent / "0000.json"
    nested = '{"a": ' * 1000 + "1" + "}" * 1000
    log.write_text(log.read_text().replace('"pooled_metrics": {}', f'"pooled_metrics": {nested}'))
    path, _, _ = build(manifest)
    assert pq.read_metadata(path).num_rows == 10


# --- what is finished, and what is left behind


def test_two_builds_of_one_table_do_not_meet(tinyai, build, write_logs, tmp_path):
    manifest, folder = write_logs(2), tmp_path / ".features.parquet.parts"
    folder.mkdir()
    (folder / "finished.arrow").touch()
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    ran = tinyai("table", "build", "--manifest", manifest, "-o", tmp_path / "features.parquet")
    assert ran.code == 2
    assert "another process builds" in ran.err
    assert [path.name for path in folder.iterdir()] == ["finished.arrow"]
    os.close(descriptor)
    build(manifest)
    assert not folder.exists()


@pytest.mark.parametrize(("blocks", "what"), [(1, "a part"), (16, "the table"), (40, "the record")])
def test_where_the_disk_is_full_the_old_table_and_its_record_stay(write_logs, tmp_path, blocks, what):
    manifest, old = write_logs(300), tmp_path / "t.parquet"
    record = table_record.beside(old)
    for each in (old, record):
        each.write_bytes(b"old")
    words = [sys.executable, "-m", "tinyai_registry", "table", "build", "--manifest", str(manifest), "-o", str(old)]
    words += ["--pool", "mean", "--features", "adm2"]
    limit = f'ulimit -f {blocks}; exec "$@"'
    ran = subprocess.run(["bash", "-c", limit, "", *words, "--jobs", "1"], capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    [line] = [line for line in ran.stderr.splitlines() if line.startswith("tinyai:")]
    named = {"a part": f"{tmp_path}/.t.parquet.parts/", "the table": f"{old}: ", "the record": f"{record}: "}
    assert line.startswith(f"tinyai: cannot write {named[what]}")
    assert "File too large" in line
    assert "Traceback" not in ran.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"corpus", old.name, record.name}
    assert old.read_bytes() == record.read_bytes() == b"old"


LOG = "0000.json"


def test_a_log_that_may_not_be_looked_at_is_not_said_to_be_missing(tinyai, write_logs, tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    manifest, sizes = write_logs(2), Path.stat
    monkeypatch.setattr(Path, "stat", lambda path, **how: refuse(path) if path.name == LOG else sizes(path, **how))
    ran = tinyai("table", "build", "--manifest", manifest, "-o", tmp_path / "t.parquet")
    assert (ran.code, ran.err) == (2, f"tinyai: {manifest.parent / LOG}: Permission denied\n")


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGHUP], ids=["Ctrl-C", "the terminal is closed"])
@pytest.mark.parametrize("when", ["*", "*.arrow"], ids=["workers start", "the first part is there"])
def test_what_a_terminal_signals_is_one_line_and_leaves_nothing(write_logs, tmp_path, when, sent):
    """A terminal signals the whole group: us, the process that workers are copies of, and the workers."""
    manifest, parts = write_logs(1000), tmp_path / ".t.parquet.parts"
    words = [sys.executable, "-m", "tinyai_registry", "table", "build", "--manifest", manifest]
    with subprocess.Popen(
        [*words, "-o", tmp_path / "t.parquet"], start_new_session=True, stderr=subprocess.PIPE, text=True
    ) as build:
        while build.poll() is None and not (parts.is_dir() and (when == "*" or any(parts.glob(when)))):
            time.sleep(0.01)
        os.killpg(build.pid, sent)
        _, told = build.communicate(timeout=60)
    assert told == f"tinyai: stopped by {sent.name}\n"
    assert build.returncode == 128 + sent
    assert {path.name for path in tmp_path.iterdir()} == {"corpus"}


def test_parts_are_not_kept_where_a_link_leads(tinyai, write_logs, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / ".t.parquet.parts").symlink_to(elsewhere)
    ran = tinyai("table", "build", "--manifest", write_logs(2), "-o", tmp_path / "t.parquet")
    assert ran.code == 2
    assert "is a link or somebody else's" in ran.err
    assert list(elsewhere.iterdir()) == []


@pytest.fixture
def interrupted(monkeypatch):
    """Lets the first parts be written, and then raises something in place of the rest."""

    def after(count: int, error: BaseException) -> list[str]:
        written: list[str] = []

        def carry_out(_, write_part, assignments, tell, take):
            written.extend(write_part(assignment).file for assignment in assignments[:count])
            raise error

        monkeypatch.setattr(building, "carry_out", carry_out)
        return written

    return after


def test_finished_parts_are_kept_when_the_machines_fail_and_taken_up_again(
    tinyai, build, write_logs, tmp_path, interrupted, monkeypatch
):
    manifest, output = write_logs(80), tmp_path / "features.parquet"
    written = interrupted(2, EngineError("the scheduler went away"))
    assert tinyai("table", "build", "--manifest", manifest, "-o", output).code == 2
    folder = tmp_path / ".features.parquet.parts"
    assert sorted(path.name for path in folder.iterdir()) == sorted(written)
    assert not output.exists()
    (folder / f"{written[0]}.1234.tmp").write_bytes(b"half")
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    after = {}

    def carry_out(engine, work, assignments, tell, take):
        for assignment in assignments:
            take(work(assignment))
        after.update({path.name: path.stat().st_mtime_ns for path in folder.iterdir()})

    monkeypatch.setattr(building, "carry_out", carry_out)
    path, _, _ = build(manifest)
    assert {name: after[name] for name in written} == {name: before[name] for name in written}
    assert len(after) == len(before) + 1
    assert not folder.exists()
    monkeypatch.undo()
    fresh, _, _ = build(manifest, output="fresh.parquet")
    assert fresh.read_bytes() == path.read_bytes()


def test_a_worker_that_is_killed_in_the_middle_changes_nothing(build, write_logs, tmp_path, monkeypatch):
    manifest = write_logs(80)
    whole, _, _ = build(manifest, output="whole.parquet")
    monkeypatch.setattr(building, "write_part", work.write_part_and_die_once)
    killed, _, _ = build(manifest, output="killed.parquet")
    assert (tmp_path / "killed").exists()
    assert killed.read_bytes() == whole.read_bytes()
    assert not list(tmp_path.glob(".*"))


def test_a_part_that_its_worker_has_not_written_so_is_not_merged(tinyai, write_logs, tmp_path, monkeypatch):
    def carry_out(engine, work, assignments, tell, take):
        for assignment in assignments:
            take(replace(work(assignment), sha256="0" * 64))

    monkeypatch.setattr(building, "carry_out", carry_out)
    ran = tinyai("table", "build", "--manifest", write_logs(3), "-o", tmp_path / "t.parquet")
    assert ran.code == 2
    assert "is not what its worker has written" in ran.err
    assert not (tmp_path / "t.parquet").exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), LogError("the log x is empty"), RuntimeError("odd")], ids=repr)
def test_nothing_is_left_and_the_old_table_stays_where_a_build_is_stopped(
    write_logs, build, tmp_path, interrupted, error
):
    path, _, _ = build(write_logs(40, "old"))
    before = path.read_bytes()
    interrupted(1, error)
    order = building.Order(str(write_logs(80, "new")), str(tmp_path / "new"), path, "")
    with pytest.raises(type(error)):
        building.build(order, Progress())
    assert path.read_bytes() == before
    assert {each.name for each in tmp_path.iterdir()} == {"old", "new", "features.parquet", "features.parquet.json"}


def test_logs_lie_behind_a_url(build, write_logs):
    manifest = write_logs(3)
    here, _, _ = build(manifest, output="here.parquet")
    url = f"file://{manifest.parent}"
    there, _, _ = build(f"{url}/pairs.csv", "--logs", url, output="there.parquet")
    assert there.read_bytes() == here.read_bytes()


def test_a_url_where_nothing_is_is_one_line(tinyai, write_logs, tmp_path):
    manifest = write_logs(2)
    ran = tinyai("table", "build", "--manifest", manifest, "--logs", "file:///nowhere", "-o", tmp_path / "t.parquet")
    assert ran.code == 2
    assert ran.err.startswith("tinyai: pairs.csv:2: the log 0000.json cannot be fetched: it is not there")
    assert ran.err.endswith("(and 1 other logs cannot be used)\n")
