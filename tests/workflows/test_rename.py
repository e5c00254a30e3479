"""``tinyai rename``: another id for the same graphs, in one commit."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from tinyai_registry.documents import strict_json
from tinyai_registry.files import sha256_of
from tinyai_registry.store import log

EXAMPLE = Path(__file__).parents[2] / "examples" / "registry"


@pytest.fixture
def root(tmp_path) -> Path:
    """The example's registry: one model, refreshed by an earlier version."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "project" / "registry"))


@pytest.fixture
def panel(install, frame, write_table, registry, tinyai):
    """An ensemble of two that ship, refreshed."""
    source = (Path(__file__).parents[1] / "plugins" / "panel.py").read_text(encoding="utf-8")
    install("panel", source)
    table = write_table(frame.assign(codec=frame.dis_basename.str.split("_").str[1]))
    assert tinyai("refresh", "panel_v1", "--table", table, "--registry", registry).code == 0
    return registry


def rows(root: Path) -> dict:
    return {row["id"]: row for row in strict_json.read(root / "registry.json")["models"]}


def test_graphs_stay_and_everything_that_names_the_model_follows(root, tinyai):
    graph = (root / "fr_regressor_v1.onnx").read_bytes()
    ran = tinyai("rename", "fr_regressor_v1", "guess_v1", "--registry", root, "--json")
    assert (ran.code, ran.json["status"], ran.json["previous_id"]) == (0, "renamed", "fr_regressor_v1")
    assert (root / "guess_v1.onnx").read_bytes() == graph
    assert not list(root.glob("fr_regressor_v1*"))
    sidecar, row = strict_json.read(root / "guess_v1.json"), rows(root)["guess_v1"]
    assert row["previous_id"] == sidecar["previous_id"] == "fr_regressor_v1"
    assert (row["sha256"], row["notes"], row["onnx"]) == (sha256_of(graph), sidecar["notes"], "guess_v1.onnx")
    assert "See guess_v1.md" in row["notes"]
    assert [each["path"] for each in sidecar["artifacts"]] == ["guess_v1.onnx"]
    assert "`guess_v1` · until now `fr_regressor_v1`" in (root / "guess_v1.md").read_text(encoding="utf-8")
    assert tinyai("validate", root, "--load").code == 0
    assert log.entries(root, "fr_regressor_v1")[-1].account.reason == "renamed to guess_v1"
    assert [entry.action for entry in log.entries(root, "guess_v1")] == ["rename"]


def test_a_second_renaming_takes_it_back(root, tinyai):
    graph = (root / "fr_regressor_v1.onnx").read_bytes()
    assert tinyai("rename", "fr_regressor_v1", "guess_v1", "--registry", root).code == 0
    assert tinyai("rename", "guess_v1", "fr_regressor_v1", "--registry", root).code == 0
    assert (root / "fr_regressor_v1.onnx").read_bytes() == graph
    assert rows(root)["fr_regressor_v1"]["previous_id"] == "guess_v1"
    assert tinyai("validate", root).code == 0


def test_an_ensemble_goes_with_its_members_and_none_of_them_alone(panel, registry, tinyai):
    assert tinyai("rename", "panel_v1", "jury_v1", "--registry", registry).code == 0
    assert list(rows(registry)) == ["jury_v1", "jury_v1_seed0", "jury_v1_seed1"]
    assert rows(registry)["jury_v1_seed1"]["previous_id"] == "panel_v1_seed1"
    assert not list(registry.glob("panel_v1*"))
    assert tinyai("--no-plugins", "validate", registry, "--load").code == 0
    member = tinyai("rename", "jury_v1_seed0", "solo_v1", "--registry", registry)
    assert member.code == 2
    assert "a member of the ensemble jury_v1" in member.err


def test_a_refresh_under_the_new_id_finds_the_same_recipe(duo_as, frame, write_table, registry, tinyai, monkeypatch):
    table = write_table(frame)
    site = duo_as({})
    words = ("--table", table, "--registry", registry, "--json")
    assert tinyai("refresh", "duo_v1", *words).json["status"] == "published"
    assert tinyai("rename", "duo_v1", "trio_v1", "--registry", registry).code == 0
    assert {path.name for path in registry.glob("*.intoto.json")} == {"trio_v1.intoto.json"}
    module = site / "duo_plugin.py"
    module.write_text(module.read_text(encoding="utf-8").replace("duo_v1", "trio_v1"), encoding="utf-8")
    monkeypatch.delitem(sys.modules, "duo_plugin")
    assert tinyai("refresh", "trio_v1", *words).json["status"] == "up-to-date"


MISTAKES = {
    "unknown": (("nope_v1", "new_v1"), "has no model 'nope_v1'"),
    "taken": (("fr_regressor_v1", "fr_regressor_v1"), "has a model 'fr_regressor_v1' already"),
    "no id": (("fr_regressor_v1", "New-v1"), "cannot be the id of a model"),
    "a name of libvmaf's": (("fr_regressor_v1", "vmaf"), "cannot be the id of a model"),
    "a file in the way": (("fr_regressor_v1", "lost_v1"), "lost_v1.json is there already"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_sentence_and_changes_nothing(root, tinyai, digests, mistake):
    (root / "lost_v1.json").write_text("{}")
    before, (words, said) = digests(root), MISTAKES[mistake]
    ran = tinyai("rename", *words, "--registry", root)
    assert ran.code == 2
    assert said in ran.err
    assert {**digests(root), ".gitattributes": ""} == {**before, ".gitattributes": ""}


def test_a_sidecar_of_an_earlier_dialect_is_to_be_migrated_first(root, tinyai):
    (root / "fr_regressor_v1.json").write_text(json.dumps({"kind": "fr", "input_name": "features"}))
    ran = tinyai("rename", "fr_regressor_v1", "guess_v1", "--registry", root)
    assert "run `tinyai migrate fr_regressor_v1`" in ran.err
