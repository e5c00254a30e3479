"""``tinyai migrate``: earlier dialects become today's, published like any release."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import onnx
import pytest

from tinyai_registry.documents import c_reader, strict_json
from tinyai_registry.documents import parts as evidence
from tinyai_registry.documents.dialects import CURRENT, dialect
from tinyai_registry.documents.schema import NAMES, violations
from tinyai_registry.files import sha256_of
from tinyai_registry.onnxfile.runtime import known_runtimes
from tinyai_registry.recipe import lock as recipe_lock
from tinyai_registry.store import layout, log
from tinyai_registry.store.registry import open_registry
from tinyai_registry.store.snapshot import read_release
from tinyai_registry.workflows.migration import repairs
from tinyai_registry.workflows.validate import validate

GRAPH = """<ir_version: 8, opset_import: ["" : 17]>
    g (float[N, 2] x, float[N, 2] z) => (float[N] y) <float[2, 1] w = {1.0, 2.0}, int64[1] last = {1}>
    { a = Add(x, z)  s = MatMul(a, w)  y = Squeeze(s, last) }"""
OLD = {"kind": "nr", "id": "old_v1", "onnx": "old_v1.onnx", "opset": 16, "input_name": "x", "notes": "Old."}


@pytest.fixture
def real(shared, tmp_path) -> Path:
    """A copy of a real registry that other tools wrote."""
    root = tmp_path / "real"
    shutil.copytree(shared / "real-registry", root, ignore=shutil.ignore_patterns("*.schema.json", "*.md"))
    for path in [root, *root.iterdir()]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return root


@pytest.fixture
def root(registry) -> Path:
    """One small model whose sidecar is of the packaged dialect."""
    data = onnx.parser.parse_model(GRAPH).SerializeToString()
    (registry / "old_v1.onnx").write_bytes(data)
    put(registry, {**OLD, "sha256": sha256_of(data)})
    row = {"id": "old_v1", "kind": "nr", "onnx": "old_v1.onnx", "sha256": sha256_of(data)}
    write_row(registry, {**row, "license": "MIT", "opset": 16, "unheard_of": [1]})
    return registry


def put(root: Path, sidecar: object) -> None:
    (root / "old_v1.json").write_text(json.dumps(sidecar))


def said(root: Path, name: str = "old_v1") -> dict:
    return strict_json.read(root / f"{name}.json")


def write_row(root: Path, *rows: object) -> None:
    (root / "registry.json").write_text(strict_json.dumps({"models": list(rows), "schema_version": 1}))


# --- a real registry


def test_a_real_registry_migrates_whole_and_comes_back_byte_for_byte(real, tinyai, digests, c_read):
    before = digests(real)
    ran = tinyai("migrate", "--registry", real, "--json")
    assert ran.code == 0
    assert [each["status"] for each in ran.json["models"]] == ["migrated"] * 10
    changed = {name for name, digest in digests(real).items() if before.get(name) != digest}
    mended = {"fr_regressor_v1.onnx", "nr_metric_v1.onnx", "nr_metric_v1.int8.onnx"}
    assert changed == {"registry.json", ".gitattributes", *(name for name in before if name.endswith(".json")), *mended}
    for row in open_registry(real).rows:
        stem = row["onnx"].removesuffix(".onnx")
        text, document = (real / f"{stem}.json").read_text(), said(real, stem)
        assert dialect(document) == CURRENT
        assert list(violations("sidecar", document)) == []
        assert [c_reader.misread(text, runtime) for runtime in known_runtimes()] == [[], []]
        for key in ("kind", "name", "input_name", "output_name", "onnx_opset", "output_names"):
            assert c_read(text, key) == document[key], (stem, key)
        assert {key: row[key] for key in ("id", "kind", "onnx", "opset", "sha256", "notes")}.items() <= document.items()
        assert read_release(real, row["id"]).sidecar == document
    for model in layout.logged_models(real):
        head = log.head(real, model)
        assert head.account.reason.startswith("migrated from the ")
        assert tinyai("rollback", model, "--registry", real).code == 0
    after = digests(real)
    assert after.pop(".gitattributes")  # stays: it is of the registry, not of the release taken back
    assert after == before


def test_in_a_real_registry_what_was_wrong_with_the_calling_is_mended(real, tinyai):
    codes = {"TAI014", "TAI106", "TAI301", "TAI403", "TAI501", "TAI508"}
    assert codes <= {finding.rule.code for finding in validate(real)}
    ran = tinyai("migrate", "--registry", real)
    assert ran.code == 0
    assert "nr_metric_v1: migrated, from the packaged dialect\n  opset 17 -> 18, as the graph has it\n" in ran.out
    assert codes & {finding.rule.code for finding in validate(real)} == set()
    # Weights beside the graph are inside it from now on; the graph standardises, or the caller, never both.
    assert [each["path"] for each in said(real, "fr_regressor_v1")["artifacts"]] == ["fr_regressor_v1.onnx"]
    assert not (real / "fr_regressor_v1.onnx.data").exists()
    assert said(real, "fr_regressor_v1")["onnx_has_scaler"] is False
    for stem in ("vmaf_tiny_v2", "vmaf_tiny_v4"):
        document = said(real, stem)
        assert document["onnx_has_scaler"] is True
        assert {"feature_mean", "feature_std", "input_mean", "input_std"} & set(document) == set()
        assert len(document["legacy"]["was_input_mean"]) == 6


@pytest.mark.parametrize("why", ["without the lab", "signed"])
def test_a_graph_that_cannot_be_made_self_contained_keeps_its_weights_beside_it_and_they_are_pinned(
    real, tinyai, monkeypatch, why
):
    if why == "signed":
        (real / "fr_regressor_v1.onnx.sigstore.json").write_text("{}")
    else:
        monkeypatch.setattr(repairs, "find_spec", lambda _: None)
    ran = tinyai("migrate", "fr_regressor_v1", "--registry", real)
    assert "left: fr_regressor_v1.onnx: not weights of fr_regressor_v1.onnx.data taken in" in ran.out
    pinned = {each["path"]: each["sha256"] for each in said(real, "fr_regressor_v1")["artifacts"]}
    data = (real / "fr_regressor_v1.onnx.data").read_bytes()
    assert pinned["fr_regressor_v1.onnx.data"] == sha256_of(data)
    (real / "fr_regressor_v1.onnx.data").write_bytes(data[::-1])
    assert "TAI203" in {finding.rule.code for finding in validate(real) if finding.model == "fr_regressor_v1"}


def test_a_model_of_a_plugin_that_was_imported_is_adopted_by_its_recipe(real, tinyai):
    recipe = pytest.importorskip("tinyai_fr_regressor").tinyai_recipes()[0]
    before = recipe_lock.check(recipe, said(real, "fr_regressor_v1"))
    tinyai("migrate", "fr_regressor_v1", "--registry", real)
    after = recipe_lock.check(recipe, said(real, "fr_regressor_v1"))
    assert set(before) <= set(after)
    assert {"feature_order", "input_names", "onnx_opset"} <= set(after)


def test_an_imported_model_is_refreshed_like_any_other(duo, tinyai, registry, refresh, frame, write_table, tmp_path):
    table = write_table(frame)
    assert refresh(table).code == 0
    made, row = said(registry, "duo_v1"), open_registry(registry).row("duo_v1")
    shutil.rmtree(registry / ".tinyai")
    old = {key: made[key] for key in ("id", "kind", "onnx", "opset", "sha256", "feature_order", "training")}
    (registry / "duo_v1.json").write_text(json.dumps(old))
    write_row(registry, row)
    assert tinyai("migrate", "--registry", registry).code == 0
    again = refresh(table)
    assert (again.code, again.json["status"]) == (0, "published")
    assert again.json["previous"]["metrics"] == {
        name: pytest.approx(value) for name, value in evidence.headlines_of_training(made["training"]).items()
    }
    assert {"feature_order", "input_names", "kind", "opset"} <= set(again.json["previous"]["adopted"])
    assert "imported_from" not in said(registry, "duo_v1")


# --- one model


def test_a_second_run_has_nothing_to_do(root, tinyai, digests):
    assert tinyai("migrate", "--registry", root).code == 0
    after = digests(root)
    again = tinyai("migrate", "--registry", root)
    assert (again.code, again.out) == (0, "nothing to do\n")
    assert digests(root) == after
    assert len(log.entries(root, "old_v1")) == 2


def test_the_graph_names_its_inputs_and_the_row_keeps_what_it_had(root, tinyai):
    ran = tinyai("migrate", "old_v1", "--registry", root)
    assert ran.out.splitlines()[1:] == [
        "  opset 16 -> 17, as the graph has it",
        "  opset of the row 16 -> 17, as the graph has it",
    ]
    assert said(root)["input_names"] == ["x", "z"]
    row = open_registry(root).row("old_v1")
    assert (row["opset"], row["unheard_of"], row["notes"]) == (17, [1], "Old.")
    assert not (root / "old_v1.md").exists()


def test_a_dry_run_shows_the_difference_and_writes_nothing(root, tinyai, digests):
    before = digests(root)
    ran = tinyai("migrate", "--registry", root, "--dry-run")
    assert ran.code == 0
    assert '+  "imported_from": "packaged",' in ran.out.splitlines()
    planned = tinyai("migrate", "--registry", root, "--dry-run", "--json").json["models"]
    assert digests(root) == before
    assert layout.logged_models(root) == []
    tinyai("migrate", "--registry", root)
    assert [each["status"] for each in planned] == ["planned"]
    assert planned[0]["sidecar"] == said(root)


def test_list_show_and_validate_take_an_imported_model(root, tinyai):
    tinyai("migrate", "--registry", root)
    assert tinyai("list", "--registry", root).code == 0
    assert tinyai("show", "old_v1", "--registry", root, "--json").json["sidecar"] == said(root)
    found = {finding.rule.code for finding in validate(root) if finding.file == "old_v1.json"}
    assert found == {"TAI016", "TAI515"}  # it has no evidence, and names no features


def spoil_twin(root: Path) -> None:
    row = open_registry(root).row("old_v1")
    (root / "old_v1.int8.onnx").write_bytes((root / "old_v1.onnx").read_bytes())
    write_row(root, {**row, "quant_mode": "dynamic", "int8_sha256": "b" * 64})


def outside(root: Path) -> None:
    """A graph whose weights lie above the registry."""
    proto = onnx.parser.parse_model(GRAPH)
    weight = proto.graph.initializer[0]
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.ClearField("float_data")
    weight.external_data.add(key="location", value="../secret")
    data = proto.SerializeToString()
    (root / "old_v1.onnx").write_bytes(data)
    write_row(root, {**open_registry(root).row("old_v1"), "sha256": sha256_of(data)})
    put(root, {**OLD, "sha256": sha256_of(data)})


SPOILED = {
    "no graph": (lambda r: (r / "old_v1.onnx").unlink(), "old_v1.onnx is missing"),
    "other bytes": (lambda r: (r / "old_v1.onnx").write_bytes(b"x"), "has the digest"),
    "no sidecar": (lambda r: (r / "old_v1.json").unlink(), "old_v1.json is missing"),
    "a sidecar that is no JSON": (lambda r: (r / "old_v1.json").write_text("{"), "old_v1.json:1:2"),
    "a sidecar that is a list": (lambda r: put(r, []), "a sidecar is a JSON object"),
    "a broken sidecar": (lambda r: put(r, {**said(r), "opset": "x"}), 'at /opset: "x" is not an integer'),
    "another kind than the row's": (lambda r: put(r, {**said(r), "kind": "fr"}), "kind is fr in the sidecar, nr in"),
    "a word of the C reader": (
        lambda r: put(r, {**said(r), "training": {"quant_mode": "qat"}}),
        "the key 'quant_mode'",
    ),
    "no licence": (
        lambda r: write_row(r, {k: v for k, v in open_registry(r).row("old_v1").items() if k != "license"}),
        "lacks license",
    ),
    "another's twin": (spoil_twin, "old_v1.int8.onnx has the digest"),
    "weights outside the folder": (outside, "leads out of the registry folder"),
}


@pytest.mark.parametrize(("spoil", "told"), SPOILED.values(), ids=SPOILED)
def test_what_cannot_be_migrated_is_named_with_the_reason_and_the_others_go_on(root, tinyai, digests, spoil, told):
    data = (root / "old_v1.onnx").read_bytes()
    neighbour = {**OLD, "id": "next_v1", "onnx": "next_v1.onnx", "sha256": sha256_of(data)}
    spoil(root)
    (root / "next_v1.onnx").write_bytes(data)
    (root / "next_v1.json").write_text(json.dumps(neighbour))
    row = {key: neighbour[key] for key in ("id", "kind", "onnx", "sha256")}
    write_row(root, *open_registry(root).rows, {**row, "license": "MIT"})
    before = {name: digest for name, digest in digests(root).items() if name.startswith("old_v1")}
    ran = tinyai("migrate", "--registry", root)
    assert ran.code == 1
    first, second, *_ = ran.out.splitlines()
    assert first.startswith("old_v1: cannot be migrated: ")
    assert told in first
    assert second == "next_v1: migrated, from the packaged dialect"
    assert {name: digest for name, digest in digests(root).items() if name.startswith("old_v1")} == before
    assert "old_v1" not in layout.logged_models(root)


# --- the schemas, printed


def test_a_schema_is_printed_as_it_is_used(tinyai):
    listed = tinyai("schema", "--json").json["schemas"]
    assert [each["name"] for each in listed] == list(NAMES)
    assert all(each["title"] in tinyai("schema").out for each in listed)
    for each in listed:
        assert tinyai("schema", each["name"]).json["title"] == each["title"]
        assert tinyai("schema", each["name"]).json == tinyai("schema", each["name"], "--json").json
