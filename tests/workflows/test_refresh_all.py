"""Every model whose table is there is refreshed, and none stops another."""

from __future__ import annotations

import json
import os
import pickle
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from tinyai_registry.plugins.discovery import discover
from tinyai_registry.recipe import MLP, AdamW, Ensemble, GroupKFold, HeldOut, Protocol, RepeatedHoldout
from tinyai_registry.release import Candidate
from tinyai_registry.store.publish import init
from tinyai_registry.workflows.refreshing.starting_point import Request
from tinyai_registry.workflows.refreshing.task import Failure, Task, expected_work, share_out, work_on
from tinyai_registry.workflows.workers import cluster

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


DIES_ONCE = """import os, pathlib
    there = pathlib.Path({!r})
    if not there.exists():
        there.touch()
        os.kill(os.getpid(), 9)
    return [Linear(table.features"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_model_whose_worker_dies_is_tried_again(tinyai, duo_as, project, installed, tmp_path, monkeypatch):
    changes = {"return [Linear(table.features": DIES_ONCE.format(str(tmp_path / "died"))}
    sites = [duo_as(as_model("mortal") | changes, name="mortal"), duo_as(as_model("other"), name="other")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, sites)))
    monkeypatch.setenv("TINYAI_BLOCK_PLUGINS", f"{installed},duo,strict,poor,lost,broken")
    ran = tinyai("refresh", "--all", "--new", "--jobs", "2", "--json")
    assert ran.code == 0, ran
    assert (tmp_path / "died").exists()
    assert ids(project) == ["mortal_v1", "other_v1"]


@pytest.mark.filterwarnings("ignore")
def test_workers_of_dask_give_the_same_and_only_the_driver_publishes(tinyai, project, tmp_path):
    pytest.importorskip("distributed")
    dask = tmp_path / "dask"
    init(dask)
    ran = tinyai("refresh", "--all", "--new", "--registry", dask, "--engine", "dask", "--jobs", "2", "--json")
    found = {result["model"]: result["status"] for result in ran.json["models"]}
    assert (found["duo_v1"], found["strict_v1"], found["broken_v1"]) == ("published", "refused", "failed")
    tinyai("refresh", "--all", "--new", "--jobs", "1", "--json")
    for name in ("duo_v1.onnx", "duo_v1.plain.onnx"):
        assert (dask / name).read_bytes() == (project / name).read_bytes()
    assert not list((dask / ".tinyai" / "pending").iterdir())
    assert tinyai("validate", dask).code == 0


def test_without_a_scheduler_every_model_is_told_to_be_missing(tinyai, project, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "PATIENCE", 0.5)
    words = ("--engine", "dask", "--scheduler", "tcp://127.0.0.1:9")
    ran = tinyai("refresh", "--all", "--new", *words, "--json")
    found = {result["model"]: result for result in ran.json["models"]}
    assert (found["duo_v1"]["status"], found["duo_v1"]["exit_code"]) == ("failed", 2)
    assert found["strict_v1"]["why"].startswith("no scheduler answers at tcp://127.0.0.1:9; ")
    assert found["poor_v1"]["status"] == "skipped"
    assert (ran.code, ids(project)) == (2, [])


@pytest.fixture
def task(duo_as, registry, installed, frame, write_table, monkeypatch) -> Task:
    monkeypatch.setenv("TINYAI_BLOCK_PLUGINS", installed)
    duo_as({})
    plugin, recipe = discover().owner("duo_v1")
    request = Request(registry, write_table(frame), "tinyai refresh duo_v1")
    return Task(recipe, request, (plugin.distribution, plugin.version), (), (), None, None, 1)


def test_a_worker_makes_a_candidate_and_changes_nothing(task, registry, digests):
    before = digests(registry.parent)
    assert isinstance(made := work_on(task), Candidate)
    assert {artifact.path for artifact in made.artifacts} == {"duo_v1.onnx", "duo_v1.plain.onnx"}
    assert digests(registry.parent) == before


def test_neither_a_task_nor_an_answer_grows_with_the_table(task, frame, write_table):
    assert len(pickle.dumps(task)) < 5000
    short, long = (
        len(pickle.dumps(work_on(replace(task, request=replace(task.request, table=write_table(rows))))))
        for rows in (frame, pd.concat([frame.assign(dis_basename=frame.dis_basename + str(k)) for k in range(8)]))
    )
    assert long < 1.2 * short < 100_000


ELSEWHERE = {
    "another table": (lambda t: replace(t, request=replace(t.request, sha256="0" * 64)), "is not the file that it was"),
    "no table": (lambda t: replace(t, request=replace(t.request, table=Path("none.parquet"))), "none.parquet"),
    "another version": (lambda t: replace(t, plugin=("tinyai-duo", "2.0")), "which has tinyai-duo 2.0; install the"),
    "another recipe": (lambda t: replace(t, recipe=replace(t.recipe, seed=9)), "a worker has another duo_v1"),
    "another policy": (lambda t: replace(t, policy=("house",)), "no plugin is called 'house'"),
    "a blocked plugin": (lambda t: replace(t, blocked=("duo",)), "no plugin declares the model 'duo_v1'"),
}


@pytest.mark.parametrize(("change", "told"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_a_worker_that_sees_something_else_says_so(task, change, told):
    failure = work_on(change(task))
    assert isinstance(failure, Failure)
    assert (told in failure.why, failure.exit_code) == (True, 2), failure


def test_what_trains_longest_is_begun_first(task):
    plain, size = task.recipe, 10**6
    small = replace(plain, architecture=MLP((16, 8)), training=AdamW(1e-3, 0.0, 32, 30))
    longer = [
        replace(small, architecture=MLP((64, 64))),
        replace(small, training=AdamW(1e-3, 0.0, 32, 300)),
        replace(small, ensemble=Ensemble(4)),
        replace(small, protocols=(Protocol("random", RepeatedHoldout(100)),)),
        replace(small, folds=RepeatedHoldout(50)),
        replace(small, folds=HeldOut(GroupKFold(20))),
    ]
    assert all(expected_work(recipe, size) > expected_work(small, size) for recipe in longer)
    assert expected_work(small, 2 * size) > expected_work(small, size)
    assert expected_work(plain, size) is None


def test_what_nobody_can_foresee_is_begun_before_the_longest():
    assert list(share_out({7: 2.0, 8: None, 9: 5.0}).items()) == [(8, 5.0), (9, 5.0), (7, 2.0)]
    assert share_out({7: None}) == {7: 1.0}


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
