"""Making a release again: identical, equivalent, or different, and then where."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path

import attack
import forger
import numpy as np
import onnx
import pytest
import victim
from onnx import numpy_helper

from tinyai_registry.documents import strict_json
from tinyai_registry.evaluation import Caveat

CASES = sorted(Path(__file__).with_name("changed_releases").glob("*.toml"))


@pytest.fixture
def table(frame, write_table):
    return write_table(frame)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Where the release is kept that every test begins with."""
    return tmp_path_factory.mktemp("kept") / "registry"


@pytest.fixture
def released(duo, kept, registry, refresh, table):
    if not kept.exists():
        assert refresh(table).json["status"] == "published"
        shutil.copytree(registry, kept)
    return shutil.copytree(kept, registry, dirs_exist_ok=True)


@pytest.fixture
def again(tinyai, released, table):
    def run(*words):
        return tinyai("reproduce", "duo_v1", "--table", table, "--registry", released, "--json", *words)

    return run


def nudge(path, by):
    """Change one weight."""
    model = onnx.load(path)
    tensor = next(each for each in model.graph.initializer if each.name == "w")
    values = numpy_helper.to_array(tensor).copy()
    values.flat[2] = values.flat[2] * (1 + by)
    tensor.CopyFrom(numpy_helper.from_array(values, "w"))
    path.write_bytes(model.SerializeToString())


@pytest.fixture(autouse=True)
def nudging(monkeypatch):
    monkeypatch.setitem(attack.ACTIONS, "nudge", nudge)


def test_nothing_changed_is_identical(again, released, digests):
    before = digests(released)
    ran = again()
    assert ran.code == 0
    assert ran.json["answer"] == "identical"
    assert ran.json["differences"] == ran.json["environment"] == []
    assert digests(released) == before


def test_the_table_is_found_by_its_digest(tinyai, released, table, tmp_path, monkeypatch):
    shutil.copy(table, tmp_path / "moved.parquet")
    (tmp_path / "other.parquet").write_bytes(b"other")
    (tmp_path / "tinyai.toml").write_text(
        '[registry]\npath = "registry"\n[tables]\nstand-in = "other.parquet"\nlast-year = "moved.parquet"\n'
    )
    monkeypatch.chdir(tmp_path)
    ran = tinyai("reproduce", "duo_v1")
    assert (ran.code, ran.out) == (0, "duo_v1: identical\n")
    (tmp_path / "moved.parquet").unlink()
    ran = tinyai("reproduce", "duo_v1")
    assert ran.code == 2
    assert "no table has the digest" in ran.err


def test_the_table_may_lie_behind_a_url(tinyai, released, table):
    ran = tinyai("reproduce", "duo_v1", "--table", table.as_uri(), "--registry", released, "--json")
    assert ran.json["answer"] == "identical"
    ran = tinyai("reproduce", "duo_v1", "--table", "file:///nowhere.parquet", "--registry", released)
    assert ran.code == 2
    assert ran.err.startswith("tinyai: file:///nowhere.parquet cannot be fetched: it is not there")


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_what_was_changed_is_named(again, released, path):
    case = tomllib.loads(path.read_text(encoding="utf-8"))
    attack.Attack(case["why"], case["do"], [], pin=case.get("pin", True)).carry_out(released)
    ran = again()
    assert (ran.code, ran.json["answer"]) == (1, "different")
    assert ran.json["differences"][0]["place"] == case["place"]
    assert ran.json["differences"][0]["of"] == case.get("of")
    if "graph" in case:
        [weight] = [each for each in ran.json["differences"] if each["place"] == case["graph"]]
        assert (weight["of"], weight["distance"] > 0) == ("w[2, 0]", True)


def test_a_caveat_that_readers_were_not_told_is_named(again, monkeypatch):
    told = Caveat("tied-targets", "fold-2: 60.0% of the targets")
    monkeypatch.setattr("tinyai_registry.workflows.evaluate.table_caveats", lambda *_: (told,))
    ran = again()
    assert ran.code == 1
    assert [(each["place"], each["of"]) for each in ran.json["differences"]] == [("/caveats", "tied-targets")]


def test_a_whole_invention_agrees_with_itself_and_is_not_what_is_made(tinyai, again, released):
    """Weights turned round, folds invented; digests, summary, gate, headlines, card, attestation and log to match."""
    attack.multiply(released / "duo_v1.onnx", -1.0)
    victim.rewrite(released / "duo_v1.json", lambda document: forger.invent(document, 0.9991))
    victim.pin(released)
    victim.relog(released / ".tinyai" / "log" / "duo_v1" / "00000001.json")
    assert tinyai("validate", released).code == 0
    ran = again()
    assert (ran.code, ran.json["answer"]) == (1, "different")
    places = [each["place"] for each in ran.json["differences"]]
    assert {"/evaluation/folds/0/plcc", "/gate/1/value", "duo_v1.onnx"} <= set(places)


def test_one_changed_cell_of_the_table_is_named_by_its_column(tinyai, released, frame, write_table):
    frame.loc[7, "adm2"] += 0.25
    other = write_table(frame, "other.parquet")
    ran = tinyai("reproduce", "duo_v1", "--table", other, "--registry", released)
    assert ran.code == 1
    first = ran.out.splitlines()[1]
    assert "/table/feature_means/2 (adm2): released" in first
    assert "apart" in first


def perturb(released, by):
    """What another processor might have made: every weight and every figure a little off."""
    for path in released.glob("*.onnx"):
        model = onnx.load(path)
        for tensor in model.graph.initializer:
            values = numpy_helper.to_array(tensor)
            if values.dtype == np.float32:
                tensor.CopyFrom(numpy_helper.from_array((values * np.float32(1 + by)).astype(np.float32), tensor.name))
        path.write_bytes(model.SerializeToString())
    path = released / "duo_v1.json"
    document = strict_json.read(path)
    for fold in document["evaluation"]["folds"]:
        fold["plcc"] *= 1 - by
        fold["rmse"] *= 1 + by
    document["evaluation"]["predictions_sha256"] = "0" * 64
    document["provenance"]["cpu_capability"] = "VSX"
    path.write_text(strict_json.dumps(document))


def test_last_bits_of_another_processor_are_equivalent_and_the_processor_is_named(again, released, tinyai, table):
    perturb(released, 2e-7)
    ran = again()
    assert (ran.code, ran.json["answer"]) == (0, "equivalent")
    assert {each["what"]: each["released"] for each in ran.json["environment"]} == {"CPU capability": "VSX"}
    shown = tinyai("reproduce", "duo_v1", "--table", table, "--registry", released)
    assert shown.code == 0
    assert "CPU capability VSX then," in shown.out
    assert "within 0.0001" in shown.out


def test_a_figure_that_was_added_up_in_another_order_is_identical(again, released):
    document = strict_json.read(released / "duo_v1.json")
    said = document["in_sample"]["plcc"]
    attack.set_value(released / "duo_v1.json", "/in_sample/plcc", float(np.nextafter(said, 0)))
    ran = again()
    assert (ran.code, ran.json["answer"]) == (0, "identical")
    assert [each["place"] for each in ran.json["differences"]] == ["/in_sample/plcc"]
    attack.set_value(released / "duo_v1.json", "/in_sample/plcc", said - 1e-11)
    assert again().json["answer"] == "different"


def test_more_than_last_bits_are_not(again, released):
    perturb(released, 2e-3)
    ran = again()
    assert (ran.code, ran.json["answer"]) == (1, "different")


@pytest.mark.parametrize(("by", "answer"), [(0.005, "equivalent"), (0.05, "different")])
def test_an_error_in_target_units_is_held_to_the_target_range(again, released, by, answer):
    """1e-4 of a range of 100."""
    perturb(released, 2e-7)
    said = strict_json.read(released / "duo_v1.json")["evaluation"]["folds"][1]["rmse"]
    attack.set_value(released / "duo_v1.json", "/evaluation/folds/1/rmse", said + by)
    assert again().json["answer"] == answer


def test_an_invented_fold_is_found_beside_last_bits_too(again, released):
    perturb(released, 2e-7)
    attack.set_value(released / "duo_v1.json", "/evaluation/folds/1/plcc", 0.9991)
    ran = again()
    assert ran.code == 1
    assert [each["place"] for each in ran.json["differences"]] == ["/evaluation/folds/1/plcc"]


def test_another_version_of_the_plugin_may_say_it_otherwise(released, again, duo_as):
    """The recipe has one fingerprint; words are not in it."""
    attack.set_value(released / "duo_v1.json", "/plugin/version", "0.9")
    attack.set_value(released / "duo_v1.json", "/card/limits", "It was linear.")
    assert again().json["answer"] == "identical"


def test_the_versions_of_the_release_are_written_as_pip_takes_them(again, released, tmp_path):
    attack.set_value(released / "duo_v1.json", "/provenance/packages/torch", "2.13.0+cpu")
    assert (
        again("--lock", tmp_path / "lock.txt").json["environment"]
        == [{"what": "torch", "released": "2.13.0+cpu", "here": versions(released)["torch"]}]
        or versions(released)["torch"] == "2.13.0+cpu"
    )
    lines = (tmp_path / "lock.txt").read_text().splitlines()
    assert "torch==2.13.0  # it was the build +cpu" in lines
    assert f"onnx=={versions(released)['onnx']}" in lines
    assert lines[0].startswith("# duo_v1 was made by Python 3.")


def versions(registry):
    from importlib import metadata

    return {
        name: metadata.version(name) for name in strict_json.read(registry / "duo_v1.json")["provenance"]["packages"]
    }


@pytest.mark.parametrize(
    ("change", "result", "tests"), [(False, "PASSED", "passedTests"), (True, "FAILED", "failedTests")]
)
def test_whoever_made_it_again_may_say_so(again, released, tmp_path, change, result, tests):
    if change:
        attack.set_value(released / "duo_v1.json", "/evaluation/folds/1/plcc", 0.9991)
    again("--attest", tmp_path / "said.json")
    said = strict_json.read(tmp_path / "said.json")
    assert said["predicate"]["result"] == result
    assert said["predicate"][tests] == ["reproduce duo_v1"]
    about = said["predicate"]["configuration"][0]["annotations"]
    assert about["answer"] == ("different" if change else "identical")
    assert about["who"]
    subjects = {each["name"] for each in said["subject"]}
    assert subjects == {"duo_v1.json", "duo_v1.onnx", "duo_v1.plain.onnx"}
    assert_a_statement(said)


def assert_a_statement(said):
    statements = pytest.importorskip("in_toto_attestation.v1.statement")
    from google.protobuf import json_format
    from in_toto_attestation.predicates.test_result.v0.test_result_pb2 import TestResult
    from in_toto_attestation.v1.statement_pb2 import Statement

    statements.Statement.copy_from_pb(json_format.ParseDict(said, Statement())).validate()
    json_format.ParseDict(said["predicate"], TestResult())


# --- all of them


@pytest.fixture
def project(released, table, tmp_path, monkeypatch):
    (tmp_path / "tinyai.toml").write_text(f'[registry]\npath = "registry"\n[tables]\nstand-in = "{table.name}"\n')
    monkeypatch.chdir(tmp_path)
    return released


def test_every_release_with_evidence_is_made_again(tinyai, project):
    (project / "old.json").write_text("{}")
    index = strict_json.read(project / "registry.json")
    index["models"].append({"id": "old_v1", "kind": "fr", "onnx": "old.onnx", "sha256": "0" * 64})
    (project / "registry.json").write_text(strict_json.dumps(index))
    ran = tinyai("reproduce", "--all", "--json")
    assert ran.code == 0
    assert [(each["model"], each["answer"]) for each in ran.json["models"]] == [("duo_v1", "identical")]
    assert "old_v1: skipped (old_v1 was not made here" in ran.err


def test_a_release_without_its_table_is_told_and_stops_no_other(tinyai, project, table):
    table.unlink()
    ran = tinyai("reproduce", "--all", "--json")
    assert ran.code == 2
    [only] = ran.json["models"]
    assert only["answer"] is None
    assert "no table has the digest" in only["why"]


def test_only_what_changed_since_a_commit_is_made_again(tinyai, project):
    victim.commit(project)
    ran = tinyai("reproduce", "--all", "--since", "HEAD", "--json")
    assert (ran.code, ran.json) == (0, {"models": [], "skipped": []})
    attack.set_value(project / "duo_v1.json", "/evaluation/folds/1/plcc", 0.9991)
    ran = tinyai("reproduce", "--all", "--since", "HEAD", "--json")
    assert ran.code == 1
    assert [(each["model"], each["answer"]) for each in ran.json["models"]] == [("duo_v1", "different")]


def test_a_change_without_evidence_is_not_proved(tinyai, project):
    """Or whoever forges a release would leave the evidence out."""
    victim.commit(project)
    (project / "duo_v1.json").write_text("{}")
    ran = tinyai("reproduce", "--all", "--since", "HEAD", "--json")
    assert (ran.code, ran.json["models"][0]["answer"]) == (2, None)
    assert "no evidence to hold anything against; HEAD has it with evidence" in ran.err


def test_one_whose_sidecar_the_commit_has_broken_counts_too(tinyai, project):
    whole = (project / "duo_v1.json").read_bytes()
    (project / "duo_v1.json").write_text("{")
    victim.commit(project)
    (project / "duo_v1.json").write_bytes(whole.replace(b'"evaluation"', b'"appraisal"'))
    assert tinyai("reproduce", "--all", "--since", "HEAD").code == 2


def test_the_change_that_adopts_models_passes_and_names_those_that_were_never_made_here(tinyai, project, shared):
    victim.commit(project)
    index = strict_json.read(project / "registry.json")
    theirs = {row["id"]: row for row in strict_json.read(shared / "real-registry" / "registry.json")["models"]}
    index["models"].append(theirs["vmaf_tiny_v2"])
    for ending in ("onnx", "json"):
        shutil.copy(shared / "real-registry" / f"vmaf_tiny_v2.{ending}", project)
    (project / "registry.json").write_text(strict_json.dumps(index))
    for words in ((), ("migrate", "vmaf_tiny_v2")):
        assert not words or tinyai(*words).code == 0
        ran = tinyai("reproduce", "--all", "--since", "HEAD", "--json")
        assert (ran.code, ran.json["models"]) == (0, [])
        assert [each["model"] for each in ran.json["skipped"]] == ["vmaf_tiny_v2"]


# --- mistakes


@pytest.mark.parametrize(
    "words",
    [[], ["duo_v1", "--all"], ["--all", "--table", "t"], ["duo_v1", "--since", "HEAD"], ["--all", "--lock", "l"]],
)
def test_what_cannot_be_meant_is_refused(tinyai, registry, words):
    ran = tinyai("reproduce", *words, "--registry", registry)
    assert ran.code == 2
    assert "name one MODEL, or give --all" in ran.err


def test_a_model_that_is_not_there_is_named(tinyai, registry):
    ran = tinyai("reproduce", "duo_v1", "--registry", registry)
    assert ran.code == 2
    assert "has no release of 'duo_v1'; it has: none" in ran.err


def test_an_imported_model_has_nothing_to_be_made_again_from(tinyai, released):
    path = released / "duo_v1.json"
    path.write_text(json.dumps({"id": "duo_v1", "onnx": "duo_v1.onnx"}))
    ran = tinyai("reproduce", "duo_v1", "--registry", released)
    assert ran.code == 2
    assert "was not made here" in ran.err
