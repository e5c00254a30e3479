"""A model that is trained on several corpora: from the configuration to the figures of each."""

from __future__ import annotations

import json

import pytest

CONFIG = """[registry]
path = "registry"
[tables.stand-in]
one = "one.parquet"
two = "two.parquet"
"""


@pytest.fixture
def project(duo, registry, frame, write_table, tmp_path, monkeypatch):
    """A configured project with two corpora, of which the second has other encodes of the same sources."""
    odd = frame.dis_basename.str.contains("crf|q12")
    write_table(frame[~odd], "one.parquet")
    write_table(frame[odd], "two.parquet")
    (tmp_path / "tinyai.toml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_each_corpus_has_its_figures_and_its_file(tinyai, project, frame):
    report = tinyai("refresh", "duo_v1", "--json").json
    assert report["status"] == "published"
    corpora, folds = report["evaluation"]["corpora"], report["evaluation"]["folds"]
    assert [(c["group"], c["rows"]) for c in corpora] == [(c["corpus"], c["rows"]) for c in report["table"]["corpora"]]
    assert sum(c["rows"] for c in corpora) == sum(fold["rows"] for fold in folds) == len(frame)
    assert all(c["plcc"] is not None for c in corpora)
    sidecar = json.loads((project / "registry" / "duo_v1.json").read_text())
    assert sidecar["provenance"]["command"] == "tinyai refresh duo_v1 --table one=one.parquet --table two=two.parquet"
    card = (project / "registry" / "duo_v1.md").read_text()
    assert "*corpus two*" in card
    assert "one.parquet + two.parquet" in card
    assert tinyai("validate", "--strict", "--load").code == 0


def test_a_release_is_up_to_date_until_a_corpus_or_what_is_said_of_sources_changes(tinyai, project, frame, write_table):
    refresh = ("refresh", "duo_v1", "--dry-run", "--json")
    assert tinyai("refresh", "duo_v1").code == 0
    assert tinyai(*refresh).json["status"] == "up-to-date"
    assert tinyai(*refresh, "--table", "two=two.parquet", "--table", "one=one.parquet").json["status"] == "up-to-date"
    [found] = [each for each in tinyai("status", "--json").json["models"] if each["model"] == "duo_v1"]
    assert found["state"] == "up-to-date"
    (project / "tinyai.toml").write_text(CONFIG + '[sources.stand-in]\nsame = [["RedMaples", "CityNight"]]\n')
    report = tinyai(*refresh).json
    assert (report["status"], report["table"]["same"]) == ("dry-run", [["RedMaples", "CityNight"]])
    assert "CityNight" not in report["table"]["groups"]
    (project / "tinyai.toml").write_text(CONFIG)
    write_table(frame.iloc[:700], "two.parquet")
    assert tinyai(*refresh).json["status"] != "up-to-date"


def test_every_model_is_refreshed_from_its_corpora(tinyai, project, duo, installed, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(duo))
    monkeypatch.setenv("TINYAI_BLOCK_PLUGINS", installed)
    assert [r["status"] for r in tinyai("refresh", "--all", "--new", "--json").json["models"]] == ["published"]
    (project / "two.parquet").unlink()
    [skipped] = tinyai("refresh", "--all", "--json").json["models"]
    assert (skipped["status"], skipped["why"].rpartition("/")[2]) == ("skipped", "two.parquet")


MISTAKES = {
    "two files without names": (["one.parquet", "two.parquet"], "give one FILE, or CORPUS=FILE once for each corpus"),
    "one name for two files": (["one=one.parquet", "one=two.parquet"], "CORPUS=FILE once for each corpus"),
    "a name without a file": (["one=one.parquet", "two="], "CORPUS=FILE once for each corpus"),
    "a file that is not there": (["one=one.parquet", "two=gone.parquet"], "cannot read the table gone.parquet"),
}


@pytest.mark.parametrize(("tables", "told"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_on_the_command_line_is_one_sentence(tinyai, project, tables, told):
    ran = tinyai("evaluate", "duo_v1", *(word for table in tables for word in ("--table", table)))
    assert ran.code == 2
    assert told in ran.err


SETTINGS = {
    "a corpus that is no file": ("[tables.x]\none = 7", "tables.x must be a string, or a table of strings"),
    "no corpus at all": ("[tables.x]", "tables.x must be a string, or a table of strings, one for each corpus"),
    "a source by itself": ('[sources.x]\nsame = ["a"]', "sources.x has lists of two or more names"),
    "one name": ('[sources.x]\nsame = [["a"]]', "sources.x has lists of two or more names"),
    "another word": ('[sources.x]\nalike = [["a", "b"]]', "under same and distinct, and nothing else"),
    "sources of no data set": ('[sources]\nx = "y"', "sources.x has lists of two or more names"),
}


@pytest.mark.parametrize(("text", "told"), SETTINGS.values(), ids=SETTINGS)
def test_a_mistake_in_the_configuration_is_one_sentence(tinyai, project, text, told):
    (project / "tinyai.toml").write_text(text)
    ran = tinyai("list")
    assert ran.code == 2
    assert told in ran.err
