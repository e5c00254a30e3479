"""What ``tinyai migrate`` repairs on request: licences, signatures that never were, orphans; taken back whole."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

from tinyai_registry.documents import strict_json
from tinyai_registry.files import sha256_of
from tinyai_registry.store.recovery import recover

GRAPH = """<ir_version: 8, opset_import: ["" : 17]> g (float[N, 2] x) => (float[N] y)
    <float[2, 1] w = {1.0, 2.0}, int64[1] last = {1}> { s = MatMul(x, w)  y = Squeeze(s, last) }"""
WORDS = ("--license", "Mine=MIT", "--drop-missing-bundles")


@pytest.fixture
def root(registry) -> Path:
    """Two members of an ensemble of another tool, unsigned, under a licence that no list has, and its manifest."""
    rows, members = [], []
    for seed in (0, 1):
        proto = onnx.parser.parse_model(GRAPH)
        proto.graph.node[0].doc_string = f'File "train_{seed}.py", line 1'
        data, name = proto.SerializeToString(), f"duet_v1_seed{seed}"
        (registry / f"{name}.onnx").write_bytes(data)
        (registry / f"{name}.json").write_text('{"kind": "nr", "input_name": "x", "output_name": "y"}')
        row = {"id": name, "kind": "nr", "onnx": f"{name}.onnx", "sha256": sha256_of(data), "license": "Mine"}
        rows.append({**row, "sigstore_bundle": f"{name}.onnx.sigstore.json"})
        members.append({"onnx": f"{name}.onnx", "sha256": "0" * 64})
    (registry / "registry.json").write_text(strict_json.dumps({"models": rows, "schema_version": 1}))
    (registry / "duet_v1.json").write_text(json.dumps({"members": members}))
    return registry


def row(root: Path, model: str = "duet_v1_seed0") -> dict:
    return {each["id"]: each for each in strict_json.read(root / "registry.json")["models"]}[model]


def test_licence_and_signature_are_mended_on_request_and_a_rollback_brings_back_every_byte(root, tinyai, digests):
    before = digests(root)
    assert tinyai("migrate", "--registry", root, *WORDS).code == 0
    assert row(root)["license"] == strict_json.read(root / "duet_v1_seed0.json")["license"] == "MIT"
    assert "sigstore_bundle" not in row(root)
    assert {f["severity"] for f in tinyai("validate", root, "--json").json["findings"]} <= {"info", "warning"}
    for model in ("duet_v1_seed0", "duet_v1_seed1", "duet_v1"):
        assert tinyai("rollback", model, "--registry", root).code == 0
    assert {**digests(root), ".gitattributes": ""} == {**before, ".gitattributes": ""}


def test_nothing_of_the_row_changes_unasked_and_a_second_run_may_ask(root, tinyai):
    before = row(root)
    tinyai("migrate", "--registry", root)
    assert {key: row(root)[key] for key in ("license", "sigstore_bundle")}.items() <= before.items()
    ran = tinyai("migrate", "--registry", root, *WORDS)
    assert "license Mine -> MIT" in ran.out
    assert row(root)["license"] == "MIT"
    assert tinyai("migrate", "--registry", root, *WORDS).out == "nothing to do\n"


def test_a_licence_that_no_list_has_either_is_refused(root, tinyai, digests):
    before = digests(root)
    for words in ((), ("--dry-run",)):
        ran = tinyai("migrate", "duet_v1_seed0", "--registry", root, "--license", "Mine=Ours", *words)
        assert ran.code == 1
        assert "Ours is no SPDX expression" in ran.out + ran.err
        assert {**digests(root), ".gitattributes": ""} == {**before, ".gitattributes": ""}


def test_a_licence_is_renamed_that_its_owner_wrote_after_the_last_release(root, tinyai):
    tinyai("migrate", "--registry", root, *WORDS)
    text = (root / "registry.json").read_text()
    (root / "registry.json").write_text(text.replace('"MIT"', '"Mine"'))
    assert tinyai("migrate", "--registry", root, "--license", "Mine=ISC").code == 0
    assert row(root)["license"] == "ISC"


def test_what_the_owner_changes_afterwards_stays(root, tinyai):
    tinyai("migrate", "--registry", root, *WORDS)
    text = (root / "registry.json").read_text()
    (root / "registry.json").write_text(text.replace('"MIT"', '"ISC"'))
    assert recover(root).recovered == []
    assert row(root)["license"] == "ISC"
    assert tinyai("show", "duet_v1_seed0", "--registry", root).code == 0


def test_the_manifest_has_the_digests_of_its_members_as_they_are_now(root, tinyai):
    planned = tinyai("migrate", "--registry", root, "--dry-run", "--json").json["manifests"]
    assert [line.partition(" -> ")[0] for line in planned["duet_v1"]] == [
        f"duet_v1_seed{seed}.onnx: {'0' * 64}" for seed in (0, 1)
    ]
    assert tinyai("migrate", "--registry", root).code == 0
    members = strict_json.read(root / "duet_v1.json")["members"]
    assert [each["sha256"] for each in members] == [
        sha256_of((root / f"duet_v1_seed{seed}.onnx").read_bytes()) for seed in (0, 1)
    ]
    assert b"train_0.py" not in (root / "duet_v1_seed0.onnx").read_bytes()


def test_orphans_are_named_and_moved_out_on_request(root, tinyai, tmp_path):
    (root / "lost.onnx.data").write_bytes(b"lost")
    (root / "duet_v1_seed0.onnx.data").write_bytes(b"of a graph that was")
    assert "of no model: duet_v1_seed0.onnx.data, lost.onnx.data" in tinyai("migrate", "--registry", root).out
    target = tmp_path / "leftovers"
    ran = tinyai("migrate", "--registry", root, "--orphans-to", target, "--dry-run")
    assert "would be moved" in ran.out
    assert not target.exists()
    ran = tinyai("migrate", "--registry", root, "--orphans-to", target)
    assert ran.code == 0
    assert ran.out.count("duet_v1_seed0.onnx.data") == 1
    assert (target / "lost.onnx.data").read_bytes() == b"lost"
    assert {path.name for path in target.iterdir()} == {"lost.onnx.data", "duet_v1_seed0.onnx.data"}
    assert not list(root.glob("*.data"))


MISTAKES = {
    "no licence": (("--license", "Mine"), "give OLD=NEW"),
    "into itself": (("--orphans-to", "{root}/old"), "lies in the registry"),
    "already there": (("--orphans-to", "{taken}"), "is there already"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_sentence_and_changes_nothing(root, tinyai, digests, tmp_path, mistake):
    (root / "lost.onnx.data").write_bytes(b"lost")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "lost.onnx.data").write_bytes(b"mine")
    before, (words, said) = digests(root), MISTAKES[mistake]
    ran = tinyai("migrate", "--registry", root, *(w.format(root=root, taken=tmp_path / "taken") for w in words))
    assert ran.code == 2
    assert said in ran.err
    assert digests(root) == before
