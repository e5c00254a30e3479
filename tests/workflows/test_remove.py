"""``tinyai remove``: a model leaves in one commit, and a rollback brings it back to the last byte."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tinyai_registry.documents import strict_json
from tinyai_registry.store import log

EXAMPLE = Path(__file__).parents[2] / "examples" / "registry"


@pytest.fixture
def root(tmp_path) -> Path:
    """The example's registry, its one model signed."""
    folder = tmp_path / "project" / "registry"
    shutil.copytree(EXAMPLE, folder)
    (folder / "fr_regressor_v1.onnx.sigstore.json").write_text("{}")
    document = strict_json.read(folder / "registry.json")
    document["models"][0]["sigstore_bundle"] = "fr_regressor_v1.onnx.sigstore.json"
    (folder / "registry.json").write_text(strict_json.dumps(document))
    return folder


@pytest.fixture
def ensemble(root, tinyai) -> Path:
    """Beside that, an ensemble of another tool: a manifest, and a row for each member, as like as two peas."""
    document = strict_json.read(root / "registry.json")
    members = []
    for seed in (0, 1):
        shutil.copy(root / "fr_regressor_v1.onnx", root / f"duet_v1_seed{seed}.onnx")
        (root / f"duet_v1_seed{seed}.json").write_text('{"kind": "fr", "input_name": "features"}')
        row = {**document["models"][0], "id": f"duet_v1_seed{seed}", "onnx": f"duet_v1_seed{seed}.onnx"}
        document["models"].append(row | {"sigstore_bundle": f"duet_v1_seed{seed}.onnx.sigstore.json"})
        members.append({"onnx": row["onnx"], "sha256": row["sha256"]})
    (root / "registry.json").write_text(strict_json.dumps(document))
    (root / "duet_v1.json").write_text(json.dumps({"members": members}))
    return root


def files(root: Path) -> set[str]:
    return {path.name for path in root.iterdir() if path.is_file()} - {".gitattributes"}


def test_it_leaves_nothing_and_a_rollback_brings_back_every_byte(root, tinyai, digests):
    before = digests(root)
    ran = tinyai("remove", "fr_regressor_v1", "--registry", root, "--reason", "superseded", "--json")
    assert (ran.code, ran.json["status"]) == (0, "removed")
    assert files(root) == {"registry.json"}
    assert set(ran.json["files"]) == {name for name in before if name != "registry.json"}
    assert strict_json.read(root / "registry.json")["models"] == []
    assert tinyai("validate", root, "--json").json["findings"] == []
    adopted, removed = log.entries(root, "fr_regressor_v1")
    assert (adopted.action, removed.action, removed.account.reason) == ("adopt", "remove", "superseded")
    assert dict(adopted.files) == {name: digest for name, digest in before.items() if name != "registry.json"}
    assert tinyai("rollback", "fr_regressor_v1", "--registry", root).code == 0
    assert {**digests(root), ".gitattributes": ""} == {**before, ".gitattributes": ""}


def test_whoever_asks_for_it_afterwards_is_told_that_it_is_not_there(root, tinyai):
    tinyai("remove", "fr_regressor_v1", "--registry", root)
    for words in (("show", "fr_regressor_v1"), ("remove", "fr_regressor_v1")):
        ran = tinyai(*words, "--registry", root)
        assert ran.code == 2
        assert "has no model 'fr_regressor_v1'" in ran.err
    assert "remove" in tinyai("log", "fr_regressor_v1", "--registry", root).out


def test_a_dry_run_says_what_would_go_and_changes_nothing(root, tinyai, digests):
    before = digests(root)
    ran = tinyai("remove", "fr_regressor_v1", "--registry", root, "--dry-run")
    assert "would be removed" in ran.out
    assert "fr_regressor_v1.onnx.sigstore.json" in ran.out
    assert digests(root) == before


def test_a_member_is_not_removed_before_the_manifest_that_lists_it(ensemble, tinyai, digests):
    ran = tinyai("remove", "duet_v1_seed0", "--registry", ensemble)
    assert ran.code == 2
    assert "a member of the ensemble duet_v1" in ran.err
    before = digests(ensemble)
    for model in ("duet_v1", "duet_v1_seed0", "duet_v1_seed1"):
        assert tinyai("remove", model, "--registry", ensemble).code == 0
    assert not [name for name in files(ensemble) if name.startswith("duet")]
    assert [row["id"] for row in strict_json.read(ensemble / "registry.json")["models"]] == ["fr_regressor_v1"]
    for model in ("duet_v1_seed0", "duet_v1_seed1", "duet_v1"):
        assert tinyai("rollback", model, "--registry", ensemble).code == 0
    back = {name: digest for name, digest in digests(ensemble).items() if name.startswith("duet")}
    assert back == {name: digest for name, digest in before.items() if name.startswith("duet")}
