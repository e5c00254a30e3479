"""What ``tinyai status`` says of a model in every state, and which of them it puts first."""

from __future__ import annotations

import json

import pytest

from tinyai_registry.workflows.status import STATES


@pytest.fixture
def project(duo, registry, installed, frame, write_table, tmp_path, monkeypatch):
    """A configured project with the second plugin and its table, in which nothing has been trained yet."""
    write_table(frame)
    (tmp_path / "tinyai.toml").write_text('[registry]\npath = "registry"\n[tables]\nstand-in = "table.parquet"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINYAI_BLOCK_PLUGINS", installed)
    return registry


@pytest.fixture
def standing(tinyai, project):
    """What is said of ``duo_v1``, or of another model."""

    def ask(model: str = "duo_v1"):
        ran = tinyai("status", "--json")
        assert ran.code == 0
        [found] = [each for each in ran.json["models"] if each["model"] == model]
        return found

    return ask


def edit_row(registry, **changes):
    """Changes the one row; None takes a key away."""
    index = registry / "registry.json"
    [row] = json.loads(index.read_text())["models"]
    row = {key: value for key, value in {**row, **changes}.items() if value is not None}
    index.write_text(json.dumps({"models": [row], "schema_version": 1}))


def test_a_declared_model_was_never_trained(standing):
    found = standing()
    assert (found["state"], found["command"]) == ("untrained", ["tinyai", "refresh", "duo_v1"])
    assert (found["released"], found["score"], found["stage"]) == (None, None, None)


def test_a_release_is_up_to_date_with_its_score_date_and_stage(tinyai, standing, project):
    assert tinyai("refresh", "duo_v1").code == 0
    sidecar = json.loads((project / "duo_v1.json").read_text())
    found = standing()
    assert (found["state"], found["reasons"], found["command"]) == ("up-to-date", [], None)
    assert found["score"] == {"metric": "plcc", "value": sidecar["evaluation"]["summary"]["plcc"]["mean"]}
    assert (found["released"], found["stage"]) == (sidecar["provenance"]["time"], "production")
    assert (found["twin"], found["signature"]) == (None, None)


def test_another_table_makes_it_stale_and_one_more_refresh_does_not(tinyai, standing, project, frame, write_table):
    tinyai("refresh", "duo_v1")
    write_table(frame.iloc[:-1])
    found = standing()
    assert (found["state"], found["reasons"]) == ("stale", ["the table of stand-in has changed"])
    assert tinyai("status", "--check").code == 1
    tinyai("refresh", "duo_v1")
    assert standing()["state"] == "up-to-date"
    assert tinyai("status", "--check").code == 0


def test_of_several_corpora_the_one_that_has_changed_is_named(tinyai, standing, frame, write_table, tmp_path):
    sources = sorted(frame.source.unique())
    parts = {"a": frame[frame.source.isin(sources[:6])], "b": frame[frame.source.isin(sources[6:])]}
    for name, rows in parts.items():
        write_table(rows.reset_index(drop=True), f"{name}.parquet")
    (tmp_path / "tinyai.toml").write_text(
        '[registry]\npath = "registry"\n[tables.stand-in]\na = "a.parquet"\nb = "b.parquet"\n'
    )
    assert tinyai("refresh", "duo_v1").code == 0
    assert standing()["state"] == "up-to-date"
    write_table(parts["b"].iloc[:-1].reset_index(drop=True), "b.parquet")
    found = standing()
    assert (found["state"], found["reasons"]) == ("stale", ["the table of stand-in has changed (b)"])


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("recipe_fingerprint", "0" * 64, "its recipe has changed: restore it, or give the model a new id"),
        ("plugin", {"distribution": "tinyai-duo", "version": "0.9"}, "its plugin is now tinyai-duo 1.0"),
    ],
)
def test_another_recipe_or_plugin_makes_it_stale(tinyai, standing, project, key, value, told):
    tinyai("refresh", "duo_v1")
    path = project / "duo_v1.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    found = standing()
    assert (found["state"], found["reasons"]) == ("stale", [told])
    assert found["command"] == (None if key == "recipe_fingerprint" else ["tinyai", "refresh", "duo_v1"])
    (project.parent / "table.parquet").unlink()
    [first, second] = standing()["reasons"]
    assert first == told
    assert "table.parquet" in second


def test_a_refusal_is_told_with_criterion_and_value_until_something_changes(
    tinyai, standing, duo_as, project, frame, write_table, installed, monkeypatch
):
    monkeypatch.setenv("TINYAI_BLOCK_PLUGINS", f"{installed},duo")
    duo_as({"0.8)": "1.0)", '"duo_v1"': '"strict_v1"', '"duo_v1.plain"': '"strict_v1.plain"'}, name="strict")
    assert tinyai("refresh", "strict_v1").code == 3
    found = standing("strict_v1")
    assert (found["state"], found["command"]) == ("refused", ["tinyai", "log", "strict_v1"])
    [reason] = found["reasons"]
    assert reason.startswith("min PLCC over folds >= 1: 0.9")
    assert tinyai("status", "--check").code == 1
    (project.parent / "table.parquet").unlink()
    found = standing("strict_v1")
    assert (found["state"], found["reasons"][0]) == ("refused", reason)
    assert "table.parquet" in found["reasons"][1]
    write_table(frame.iloc[:-1])
    assert standing("strict_v1")["state"] == "untrained"


def test_a_missing_table_is_said_and_fails_no_check(tinyai, standing, tmp_path):
    tinyai("refresh", "duo_v1")
    (tmp_path / "table.parquet").unlink()
    found = standing()
    assert (found["state"], found["command"]) == ("no-table", None)
    assert "table.parquet" in found["reasons"][0]
    assert tinyai("status", "--check").code == 0


MADE_BY_DUO = "it was made with tinyai-duo 1.0; install that, or see why `tinyai plugins` does not have it active"


def test_a_model_that_no_plugin_declares_any_more(tinyai, standing, installed, monkeypatch):
    tinyai("refresh", "duo_v1")
    monkeypatch.setenv("TINYAI_BLOCK_PLUGINS", f"{installed},duo")
    found = standing()
    assert (found["state"], found["command"]) == ("no-plugin", None)
    assert found["reasons"] == [MADE_BY_DUO]
    for command in ("refresh", "diff --dry-run", "reproduce", "evaluate", "table check"):
        ran = tinyai(*command.split(), "duo_v1")
        assert ran.code == 2
        assert f"no plugin declares duo_v1: {MADE_BY_DUO}" in ran.err
    assert "no plugin declares the model 'duo_v2'" in tinyai("refresh", "duo_v2").err


def test_other_bytes_than_those_of_the_release_are_damage(tinyai, standing, project):
    tinyai("refresh", "duo_v1")
    (project / "duo_v1.onnx").write_bytes(b"other")
    found = standing()
    assert (found["state"], found["command"]) == ("damaged", ["tinyai", "validate"])
    assert found["reasons"] == ["duo_v1.onnx is not what was registered"]
    (project / "duo_v1.onnx").unlink()
    assert standing()["reasons"] == ["duo_v1.onnx is missing"]


def test_a_release_is_up_to_date_with_all_of_its_files(tinyai, standing, project):
    """A refresh would publish it again, so it is not up to date."""
    tinyai("refresh", "duo_v1")
    for ending in ("json", "md", "svg", "intoto.json"):
        path = project / f"duo_v1.{ending}"
        whole = path.read_text()
        path.unlink()
        missing = standing()
        path.write_text(whole.replace("duo", "due") if ending == "md" else f"{whole}\n")
        edited = standing()
        path.write_text(whole)
        assert (missing["state"], missing["reasons"]) == ("damaged", [f"{path.name} is missing"])
        assert (edited["state"], edited["reasons"]) == ("damaged", [f"{path.name} is not what was registered"])
    assert standing()["state"] == "up-to-date"


@pytest.mark.parametrize("content", ["{", "[]", "\ufeff{}"])
def test_a_broken_sidecar_is_damage_of_its_model_alone(tinyai, standing, project, content):
    tinyai("refresh", "duo_v1")
    (project / "duo_v1.json").write_text(content, encoding="utf-8")
    assert standing()["state"] == "damaged"


def test_a_model_of_other_tools_is_imported(standing, shared, project, tinyai):
    ran = tinyai("status", "--registry", shared / "real-registry", "--json")
    found = {each["model"]: each for each in ran.json["models"]}
    assert found["vmaf_tiny_v4"]["state"] == "imported"
    assert (found["vmaf_tiny_v4"]["twin"], found["vmaf_tiny_v4"]["signature"]) == ("dynamic", "missing")
    assert found["duo_v1"]["command"] == ["tinyai", "refresh", "duo_v1", "--registry", str(shared / "real-registry")]


BUNDLE = {"messageSignature": {"messageDigest": {"algorithm": "SHA2_256", "digest": "AAAA"}}}


@pytest.mark.parametrize(("bundle", "said"), [(None, "missing"), (BUNDLE, "void"), ({}, "named")])
def test_the_signature_that_the_row_names(tinyai, standing, project, bundle, said):
    tinyai("refresh", "duo_v1")
    edit_row(project, sigstore_bundle="duo_v1.sigstore.json")
    if bundle is not None:
        (project / "duo_v1.sigstore.json").write_text(json.dumps(bundle))
    assert standing()["signature"] == said


ODD = {
    "no names at all": {},
    "numbers for names": {"id": 3, "onnx": 4, "sha256": 5, "sigstore_bundle": 6},
    "a name that leads out": {"id": "x", "onnx": "../x.onnx", "sha256": "0"},
    "a name of escapes": {"id": "a\x1b[2J\n::error::x", "onnx": "x.onnx"},
}


@pytest.mark.parametrize("row", ODD.values(), ids=ODD)
def test_any_row_is_told_of_in_lines_that_do_nothing(tinyai, project, row):
    (project / "registry.json").write_text(json.dumps({"models": [row, {"id": "y_v1"}], "schema_version": 1}))
    ran = tinyai("status")
    assert ran.code == 0
    assert "y_v1" in ran.out
    assert all(line.isprintable() and not line.startswith("::") for line in ran.out.splitlines())


def test_people_read_what_is_needed_first_in_eighty_columns(tinyai, project, frame, write_table):
    tinyai("refresh", "duo_v1")
    write_table(frame.iloc[:-1])
    ran = tinyai("status")
    head, line, reason, command, summary = ran.out.splitlines()
    assert head.split() == ["state", "model", "score", "released", "stage"]
    assert line.split()[:3] == ["stale", "duo_v1", "PLCC"]
    assert (reason, command) == ("    the table of stand-in has changed", "    tinyai refresh duo_v1")
    assert summary == "1 stale"
    assert max(map(len, ran.out.splitlines())) <= 80


def test_models_of_the_registry_come_first_and_those_that_nobody_asked_for_are_one_line(
    tinyai, project, duo_as, standing, frame, write_table
):
    tinyai("refresh", "duo_v1")
    for name in ("una", "tria"):
        duo_as({'id="duo_v1"': f'id="{name}_v1"', '"stand-in"': f'"{name}"'}, name=name)
    duo_as({'id="duo_v1"': 'id="also_v1"'}, name="also")
    found = tinyai("status", "--json").json
    assert [(each["model"], each["state"], each["known_from"]) for each in found["models"]] == [
        ("duo_v1", "up-to-date", "registry"),
        ("also_v1", "untrained", "project"),
        ("tria_v1", "no-table", "plugin"),
        ("una_v1", "no-table", "plugin"),
    ]
    assert found["summary"]["no-table"] == 2
    *_, counts, others = tinyai("status").out.splitlines()
    assert counts == "1 up-to-date, 1 untrained"
    assert others == "plugins declare 2 more, and tinyai.toml names no table of theirs: tria_v1, una_v1"


def test_a_table_that_the_project_names_and_that_is_gone_is_told_of(tinyai, project, tmp_path):
    (tmp_path / "table.parquet").unlink()
    _, line, reason, counts = tinyai("status").out.splitlines()
    assert (line.split()[:2], counts) == (["no-table", "duo_v1"], "1 no-table")
    assert "table.parquet" in reason


def test_the_summary_counts_every_state(tinyai, project):
    assert set(tinyai("status", "--json").json["summary"]) == set(STATES)


def test_status_writes_nothing(tinyai, project, digests, tmp_path):
    tinyai("refresh", "duo_v1")
    before = digests(tmp_path)
    tinyai("status")
    assert digests(tmp_path) == before
