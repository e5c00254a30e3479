"""What a validation would reject is not published, whoever is to blame."""

from __future__ import annotations

import json

import pytest

from tinyai_registry.documents import parts, row
from tinyai_registry.files import File, Problem, Unreadable
from tinyai_registry.workflows.staged import StagedFolder


@pytest.fixture
def faulty(monkeypatch):
    """Lets one of our own documents be wrong: ``faulty(parts, "judgement_document", spoil)``."""

    def spoil_answers(module, name, spoil) -> None:
        right = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *words: spoil(right(*words)))

    return spoil_answers


def other_table(document):
    return {**document, "table": {**document["table"], "rows": 479}}


def other_summary(document):
    plcc = {**document["summary"]["plcc"], "mean": 0.5}
    return {**document, "summary": {**document["summary"], "plcc": plcc}}


FAULTS = {
    "folds that are not the table's": (parts, "judgement_document", other_table, "TAI603"),
    "a summary that is not the folds'": (parts, "evaluation_document", other_summary, "TAI604"),
    "a verdict that is not the folds'": (parts, "verdict_document", lambda found: {**found, "value": 0.99}, "TAI601"),
    "a row of other bytes": (row, "merge", lambda found: {**found, "sha256": "0" * 64}, "TAI203"),
    "a row that is none": (row, "merge", lambda found: {**found, "kind": "psychic"}, "TAI011"),
}


@pytest.mark.parametrize("words", [(), ("--dry-run",)], ids=["publish", "dry run"])
@pytest.mark.parametrize(("module", "name", "spoil", "code"), FAULTS.values(), ids=FAULTS)
def test_a_release_that_a_validation_would_reject_is_not_published(
    duo, registry, refresh, tinyai_table, digests, faulty, module, name, spoil, code, words
):
    faulty(module, name, spoil)
    before = digests(registry)
    ran = refresh(tinyai_table, *words)
    assert ran.code == 2
    error = ran.json["error"]
    assert error["type"] == "VerificationError"
    assert error["message"].startswith("the release of duo_v1 would not pass `tinyai validate`")
    assert f"({code})" in error["message"]
    assert "please report it" in error["message"]
    assert digests(registry) == before


def test_what_the_row_keeps_of_before_is_its_owners_to_mend(tinyai, duo, registry, refresh, tinyai_table):
    old = {"id": "duo_v1", "kind": "nr", "onnx": "duo_v1.onnx", "license": "Ours-2.0", "license_url": 7}
    (registry / "registry.json").write_text(json.dumps({"models": [old], "schema_version": 1}))
    assert refresh(tinyai_table).json["status"] == "published"
    found = tinyai("validate", registry, "--json").json["findings"]
    assert {each["code"] for each in found if each["severity"] == "error"} == {"TAI011", "TAI802"}


def test_a_licence_of_the_recipe_that_is_none_is_not_published(duo_as, refresh, tinyai_table):
    duo_as({'license="MIT"': 'license="Ours-2.0"'})
    ran = refresh(tinyai_table)
    assert ran.code == 2
    assert "Ours-2.0 is no SPDX expression" in ran.json["error"]["message"]


def test_nor_is_a_later_one_whose_row_keeps_another(duo_as, registry, refresh, tinyai_table, digests):
    duo_as({})
    assert refresh(tinyai_table).code == 0
    duo_as({'license="MIT"': 'license="Ours-2.0"'}, version="2.0")
    before = digests(registry)
    ran = refresh(tinyai_table, "--force")
    assert ran.code == 2
    assert "Ours-2.0 is no SPDX expression" in ran.json["error"]["message"]
    assert digests(registry) == before


def test_neighbours_are_not_judged(duo, registry, refresh, tinyai_table):
    broken = {"id": "broken_v1", "kind": "psychic", "onnx": "nowhere.onnx"}
    (registry / "registry.json").write_text(json.dumps({"models": [broken, broken], "schema_version": 1}))
    assert refresh(tinyai_table).json["status"] == "published"


def test_a_staged_folder_is_the_registry_as_it_will_be(tmp_path):
    for name in ("stays", "changes", "goes"):
        (tmp_path / name).write_bytes(b"old")
    folder = StagedFolder(tmp_path, {"changes": b"new", "comes": b"new"}, frozenset({"goes"}))
    assert folder.names == ("changes", "comes", "stays")
    read = {name: folder.fetch(name, 10) for name in ("stays", "changes", "comes", "goes", "../x")}
    assert [each.data for each in read.values() if isinstance(each, File)] == [b"old", b"new", b"new"]
    assert [each.problem for each in read.values() if isinstance(each, Unreadable)] == [
        Problem.MISSING,
        Problem.OUTSIDE,
    ]
    assert folder.fetch("comes", 2).problem is Problem.SIZE
