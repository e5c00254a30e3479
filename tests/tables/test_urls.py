"""A table may lie behind a URL wherever one is read; what is published of that is its name."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from tinyai_registry.documents import url

EXAMPLES = Path(__file__).parents[2] / "examples"

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def behind(tmp_path):
    """Puts a file into fsspec's file system in memory; returns its URL: ``behind(path)``."""
    memory = fsspec.filesystem("memory")

    def put(path: Path) -> str:
        name = f"{tmp_path.name}/{path.name}"
        memory.pipe(f"/{name}", path.read_bytes())
        return f"memory://{name}"

    yield put
    memory.store.clear()


@pytest.fixture
def project(tinyai, registry, duo, frame, write_table, behind, tmp_path, monkeypatch, installed):
    """A model whose table lies behind a URL, which is all that ``tinyai.toml`` names; returns the URL."""
    where = behind(write_table(frame))
    (tmp_path / "table.parquet").unlink()
    (tmp_path / "tinyai.toml").write_text(f'[registry]\npath = "registry"\n[tables]\nstand-in = "{where}"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINYAI_BLOCK_PLUGINS", installed)
    return where


def test_a_release_is_made_from_it_and_tells_its_name(tinyai, registry, project, tmp_path):
    assert tinyai("table", "check", "duo_v1").code == 0
    ran = tinyai("refresh", "duo_v1", "--json")
    assert (ran.code, ran.json["table"]["file"]) == (0, "table.parquet")
    sidecar = (registry / "duo_v1.json").read_text()
    assert json.loads(sidecar)["provenance"]["command"] == "tinyai refresh duo_v1 --table table.parquet"
    assert "memory" not in sidecar
    assert str(tmp_path.parent) not in sidecar
    assert tinyai("refresh", "duo_v1", "--json", "--table", project).json["status"] == "up-to-date"
    assert tinyai("reproduce", "duo_v1").out == "duo_v1: identical\n"


def test_every_model_is_refreshed_from_it(tinyai, registry, project, monkeypatch, duo):
    monkeypatch.setenv("PYTHONPATH", str(duo))
    ran = tinyai("refresh", "--all", "--new", "--jobs", "1", "--json")
    assert [(each["model"], each["status"]) for each in ran.json["models"]] == [("duo_v1", "published")], ran


@pytest.fixture
def fetched(monkeypatch):
    """What was asked for of the file system in memory, in order."""
    asked, open_one = [], fsspec.open

    def note(where, *how):
        asked.append(where)
        return open_one(where, *how)

    monkeypatch.setattr(fsspec, "open", note)
    return asked


def test_status_fetches_nothing_unless_it_is_asked_to_check(tinyai, project, behind, frame, write_table, fetched):
    def standing(*words):
        [found] = tinyai("status", "--json", *words).json["models"]
        return found["state"], found["reasons"], found["command"]

    refresh = ["tinyai", "refresh", "duo_v1"]
    assert standing() == ("untrained", [], refresh)
    assert tinyai(*refresh[1:]).code == 0
    fetched.clear()
    told = "stand-in lies behind a URL, and was not fetched to be compared"
    assert standing() == ("not-compared", [told], ["tinyai", "status", "--check"])
    assert fetched == []
    assert standing("--check") == ("up-to-date", [], None)
    url._copy.cache_clear()  # as another process, which has no copy yet
    behind(write_table(frame.iloc[:-1]))
    assert standing("--check") == ("stale", ["the table of stand-in has changed"], refresh)
    assert fetched == [project]


@pytest.mark.parametrize(
    ("words", "code"),
    [("refresh duo_v1", 2), ("refresh --all --new", 2), ("status --check", 0), ("table check duo_v1", 2)],
)
def test_where_nothing_is_is_one_line(tinyai, project, tmp_path, words, code):
    config = tmp_path / "tinyai.toml"
    config.write_text(config.read_text().replace(project, "https://me:word@nowhere.invalid/a.parquet?signature=1"))
    ran = tinyai(*words.split())
    assert ran.code == code
    told = ran.out + ran.err
    assert "https://nowhere.invalid/a.parquet cannot be fetched: " in told
    assert "word" not in told
    assert "signature" not in told


def test_tables_are_combined_and_told_apart(tinyai, frame, write_table, behind, tmp_path):
    rows = frame[["source", "dis_basename", "frame_index", "adm2", "vmaf"]]
    paths = write_table(rows[:700], "a.parquet"), write_table(rows[700:], "b.parquet")
    a, b = map(behind, paths)
    for output, given in (("here.parquet", paths), ("there.parquet", (a, f"b={b}"))):
        assert tinyai("table", "combine", *given, "-o", tmp_path / output).code == 0
    assert (tmp_path / "there.parquet").read_bytes() == (tmp_path / "here.parquet").read_bytes()
    made = json.loads((tmp_path / "there.parquet.json").read_text())["made"]
    assert made["command"] == "tinyai table combine a.parquet b=b.parquet"
    assert tinyai("table", "diff", a, b, "--json").out == tinyai("table", "diff", *paths, "--json").out


def test_a_file_in_an_archive_is_scored(tinyai, frame, write_table, tmp_path):
    path = write_table(frame)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(path, "in/table.parquet")
    url = f"zip://in/table.parquet::{(tmp_path / 'all.zip').as_uri()}"
    words = ("--registry", EXAMPLES / "registry", "--json")
    there, here = (tinyai("score", "fr_regressor_v1", each, *words) for each in (url, path))
    assert (there.code, there.out) == (0, here.out)


def test_logs_in_an_archive_lie_beside_their_manifest(build, write_logs, tmp_path):
    manifest = write_logs(3)
    here, _, _ = build(manifest, output="here.parquet")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in manifest.parent.iterdir():
            archive.write(path, f"in/{path.name}")
    there, record, _ = build(f"zip://in/pairs.csv::{(tmp_path / 'all.zip').as_uri()}", output="there.parquet")
    assert there.read_bytes() == here.read_bytes()
    assert record["made"]["command"] == "tinyai table build --manifest pairs.csv"


def test_no_message_tells_who_may_read_a_manifest(tinyai, tmp_path):
    url = "nosuch://me:word@host/pairs.csv?signature=a/b"
    ran = tinyai("table", "build", "--manifest", url, "-o", tmp_path / "t.parquet")
    assert ran.code == 2
    assert ran.err.startswith("tinyai: the manifest nosuch://host/pairs.csv cannot be fetched: ")
