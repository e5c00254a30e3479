"""Every model whose table is there is refreshed, and none stops another."""

from __future__ import annotations

import json
import os

import pytest

BROKEN = {"return [Linear(table.features": "raise ValueError('no disk')\n    return [Linear(table.features"}


def as_model(name: str, **more) -> dict[str, str]:
    """Changes that make the second plugin declare another model."""
    return {'"duo_v1"': f'"{name}_v1"', '"duo_v1.plain"': f'"{name}_v1.plain"', **more}


@pytest.fixture
def project(duo_as, registry, installed, frame, write_table, tmp_path, monkeypatch):
    """Four models: one that passes, one refused, one without a table, one whose plugin fails; and those installed."""
    sites = [
        duo_as({}),
        duo_as(as_model("strict") | {"0.8)": "1.0)"}, name="strict"),
        duo_as(as_model("poor") | {'"stand-in"': '"nowhere"'}, name="poor"),
        duo_as(as_model("broken") | BROKEN, name="broken"),
        duo_as(as_model("lost") | {'"stand-in"': '"lost"'}, name="lost"),
    ]
    write_table(frame)
    tables = 'stand-in = "table.parquet"\nlost = "gone.parquet"\n'
    (tmp_path / "tinyai.toml").write_text(f'[registry]\npath = "registry"\n[tables]\n{tables}')
    monkeypatch.chdir(tmp_path)
    # Each model is refreshed in a process of its own.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, sites)))
    monkeypatch.setenv("TINYAI_BLOCK_PLUGINS", installed)
    return registry


def ids(registry) -> list[str]:
    return [row["id"] for row in json.loads((registry / "registry.json").read_text())["models"]]


@pytest.mark.parametrize("jobs", [1, 2])
def test_each_model_is_published_refused_skipped_or_failed_and_none_stops_another(tinyai, project, jobs):
    ran = tinyai("refresh", "--all", "--new", "--jobs", jobs, "--json")
    found = {result["model"]: result for result in ran.json["models"]}
    assert {model: (r["status"], r["exit_code"]) for model, r in found.items()} == {
        "duo_v1": ("published", 0),
        "strict_v1": ("refused", 3),
        "poor_v1": ("skipped", 0),
        "lost_v1": ("skipped", 0),
        "broken_v1": ("failed", 2),
    }
    assert ran.code == 3
    assert found["duo_v1"]["why"] is None
    assert found["strict_v1"]["why"].startswith("min PLCC over folds >= 1: 0.9")
    assert found["duo_v1"]["score"]["metric"] == found["strict_v1"]["score"]["metric"] == "plcc"
    assert (found["poor_v1"]["score"], found["duo_v1"]["before"]) == (None, None)
    assert found["poor_v1"]["why"] == "tinyai.toml names no table of nowhere"
    assert found["lost_v1"]["why"].startswith("no table: ")
    assert "plugin broken (tinyai-broken 1.0): tinyai_train raised ValueError: no disk" in found["broken_v1"]["why"]
    assert ids(project) == ["duo_v1"]
    assert tinyai("refresh", "duo_v1", "--json").json["status"] == "up-to-date"


def test_people_see_a_line_for_each_model_and_a_summary(tinyai, project):
    ran = tinyai("refresh", "--all", "--new", "--dry-run")
    assert ran.out == ""
    everything = ran.err.splitlines()
    blank = everything.index("")
    lines, (head, *table, summary) = everything[:blank], everything[blank + 1 :]
    assert head.split() == ["model", "status", "score", "before"]
    assert sorted(row.split()[0] for row in table) == sorted(line.split(":")[0] for line in lines)
    assert max(map(len, (head, *table, summary))) <= 80
    assert sorted(line.split(":")[0] for line in lines) == ["broken_v1", "duo_v1", "lost_v1", "poor_v1", "strict_v1"]
    assert "poor_v1: skipped (tinyai.toml names no table of nowhere)" in lines
    assert sorted(summary.split(", ")) == ["1 dry-run", "1 failed", "1 refused", "2 skipped"]
    assert ids(project) == []


def test_only_registered_models_are_refreshed_unless_new_ones_are_asked_for(tinyai, project, frame, write_table):
    everyone = ["broken_v1", "duo_v1", "lost_v1", "poor_v1", "strict_v1"]
    ran = tinyai("refresh", "--all", "--json")
    assert (ran.code, ran.json["models"], sorted(ran.json["not_registered"])) == (0, [], everyone)
    tinyai("refresh", "duo_v1")
    write_table(frame.iloc[:-1])
    ran = tinyai("refresh", "--all", "--dry-run")
    *_, row, summary, left = ran.err.splitlines()
    before, now = row.split()[-1], row.split()[-2]
    assert row.split()[:3] == ["duo_v1", "dry-run", "PLCC"]
    assert float(before) == pytest.approx(float(now), abs=0.01)
    assert summary == "1 dry-run"
    assert left.startswith("not registered: ")
    assert left.endswith("; --new refreshes them too")


def test_models_that_are_refreshed_at_once_lose_no_row(tinyai, duo_as, project, installed, monkeypatch):
    names = [f"model{k}" for k in range(3)]
    sites = [duo_as(as_model(name), name=name) for name in names]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, sites)))
    monkeypatch.setenv("TINYAI_BLOCK_PLUGINS", f"{installed},duo,strict,poor,lost,broken")
    ran = tinyai("refresh", "--all", "--new", "--jobs", "3", "--json")
    assert ran.code == 0, ran
    assert ids(project) == [f"{name}_v1" for name in names]
    assert tinyai("validate").code == 0


def test_nothing_to_refresh_is_no_failure(tinyai, project, monkeypatch):
    ran = tinyai("--no-plugins", "refresh", "--all", "--json")
    assert (ran.code, ran.json) == (0, {"models": [], "not_registered": []})


WRONG_WORDS = {
    "a model and --all": (("duo_v1", "--all"), "name one MODEL, or give --all"),
    "neither": ((), "name one MODEL, or give --all"),
    "--all with a table": (("--all", "--table", "table.parquet"), "go with one MODEL"),
    "--all with a note": (("--all", "--note", "note.md"), "go with one MODEL"),
    "--new with a model": (("duo_v1", "--new"), "--new goes with --all"),
    "--all with a metrics file": (("--all", "--metrics-out", "m.json"), "go with one MODEL"),
}


@pytest.mark.parametrize(("words", "told"), WRONG_WORDS.values(), ids=WRONG_WORDS)
def test_words_that_contradict_each_other_exit_2(tinyai, project, words, told):
    ran = tinyai("refresh", *words, "--json")
    assert ran.code == 2
    assert told in ran.json["error"]["message"]
    assert ids(project) == []
