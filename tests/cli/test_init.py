"""``tinyai init``: from an empty folder to one in which every command knows which registry is meant."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def settings(folder: Path) -> dict:
    return tomllib.loads((folder / "tinyai.toml").read_text(encoding="utf-8"))


def test_from_then_on_no_command_has_to_be_told_where_the_registry_is(tinyai, project):
    assert "`tinyai init DIR` makes one" in tinyai("list").err
    ran = tinyai("init", "model/tiny")
    assert ran.out.splitlines()[:2] == ["made model/tiny/registry.json", "made tinyai.toml"]
    assert "tinyai import" in ran.out
    assert "tinyai new-plugin" in ran.out
    assert tinyai("list").out.startswith("no models; `tinyai import` takes in one that you have")
    assert tinyai("status").out.startswith(tinyai("list").out)
    assert tinyai("log").out.startswith("the log is empty; it begins with the first `tinyai refresh`")
    for command in ("list", "status", "log", "validate"):
        assert tinyai(command).code == 0
    assert settings(project) == {"registry": {"path": "model/tiny"}, "tables": {}}


@pytest.mark.parametrize("name", [".", "a b", 'it\'s "quoted"', "# $registry", "日本 🙂", "del\x7f", "new\nline"])
def test_any_name_of_a_folder_can_stand_in_the_settings(tinyai, project, name):
    (project / name).mkdir(exist_ok=True)
    told = tinyai("init", "--json", "--", name).json
    assert told == {"registry": name, "settings": str(project / "tinyai.toml")}
    assert settings(project)["registry"]["path"] == name
    assert tinyai("validate").code == 0


def test_settings_that_are_there_are_left_alone_and_what_they_lack_is_said(tinyai, project):
    (project / "tinyai.toml").write_text("[tables]\n")
    (project / "below").mkdir()
    ran = tinyai("init", "tiny")
    assert (project / "tinyai.toml").read_text() == "[tables]\n"
    assert f'{project / "tinyai.toml"} does not name it: there, [registry] path = "tiny" would' in ran.out
    (project / "tinyai.toml").write_text('[registry]\npath = "other"\n')
    ran = tinyai("init")
    assert "does not name it" not in ran.out
    assert (project / "other" / "registry.json").is_file()


def test_a_registry_outside_the_project_is_none_of_its_settings(tinyai, project):
    ran = tinyai("init", "../elsewhere")
    assert ran.code == 0
    assert not (project / "tinyai.toml").exists()
    assert '[registry] path = "../elsewhere"' in ran.out


@pytest.mark.parametrize("typo", ["model/tny", "modle/tiny", "mdel/tny"])
def test_a_path_that_was_mistyped_makes_no_second_registry(tinyai, project, typo):
    tinyai("init", "model/tiny")
    (project / "tinyai.toml").write_text(f'[registry]\npath = "{typo}"\n')
    meant = str(project / "model" / "tiny")
    for command in ("list", "status", "validate", "init"):
        ran = tinyai(command)
        assert ran.code == 2
        assert f"names the registry {project / typo}, which is not there; did you mean {meant!r}?" in ran.err
    for words in (("list", "--registry", typo), ("validate", typo)):
        ran = tinyai(*words)
        assert ran.code == 2
        assert f"{typo} has no registry.json; did you mean 'model/tiny'?" in ran.err
    assert [path.parent for path in project.rglob("registry.json")] == [project / "model" / "tiny"]


def test_a_folder_that_is_far_from_any_registry_may_be_made_one(tinyai, project):
    tinyai("init", "model/tiny")
    (project / "tinyai.toml").write_text('[registry]\npath = "elsewhere"\n')
    assert "`tinyai init" in tinyai("list").err
    assert tinyai("init").code == 0
    assert tinyai("list").code == 0
