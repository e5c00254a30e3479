"""The bill of materials is one to CycloneDX's own strict validator, and says what the registry says."""

from __future__ import annotations

import json

import pytest
import victim

from tinyai_registry.documents import strict_json
from tinyai_registry.trust.bill import compose


@pytest.fixture
def registry(tmp_path):
    return victim.build(tmp_path / "registry")


def components(bill, kind="machine-learning-model"):
    return {each["name"]: each for each in bill["components"] if each["type"] == kind}


def assert_valid(text):
    validation = pytest.importorskip("cyclonedx.validation.json")
    from cyclonedx.schema import SchemaVersion

    assert validation.JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_it_is_valid_by_the_strict_validator(tinyai, registry):
    ran = tinyai("bom", "--registry", registry)
    assert ran.code == 0
    assert_valid(ran.out)


def test_the_validator_would_find_what_is_wrong(registry):
    validation = pytest.importorskip("cyclonedx.validation.json")
    from cyclonedx.schema import SchemaVersion

    bill = compose(registry, "libvmaf")
    bill["components"][0]["modelCard"]["colour"] = "red"
    assert validation.JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill)) is not None


def test_a_bill_of_an_empty_registry_is_valid(tinyai, tinyai_registry):
    ran = tinyai("bom", "--registry", tinyai_registry)
    assert ran.json["components"] == []
    assert_valid(ran.out)


def test_every_model_is_a_component_with_its_digest_licence_and_card(registry):
    found = components(compose(registry, "libvmaf"))
    rows = {row["id"]: row for row in strict_json.read(registry / "registry.json")["models"]}
    assert found.keys() == rows.keys()
    for name, row in rows.items():
        assert found[name]["hashes"] == [{"alg": "SHA-256", "content": row["sha256"]}]
        assert found[name]["licenses"] == [{"expression": "BSD-2-Clause-Patent"}]
    card = found["fr_regressor_v1"]["modelCard"]
    assert card["modelParameters"]["modelArchitecture"] == "MLP"
    assert card["modelParameters"]["inputs"] == [{"format": "features float32['N', 6]"}]
    said = strict_json.read(registry / "fr_regressor_v1.json")
    metrics = {each["type"]: each["value"] for each in card["quantitativeAnalysis"]["performanceMetrics"]}
    assert metrics["mean plcc over folds"] == repr(said["evaluation"]["summary"]["plcc"]["mean"])
    assert card["considerations"]["technicalLimitations"] == [said["card"]["limits"]]
    properties = {each["name"]: each["value"] for each in found["fr_regressor_v1"]["properties"]}
    assert properties["tinyai:parameters"] == str(6 * 64 + 64 + 64 * 64 + 64 + 64 + 1)


def test_the_data_set_is_a_component_that_the_models_depend_on(registry):
    bill = compose(registry, "libvmaf")
    said = strict_json.read(registry / "fr_regressor_v1.json")
    data = components(bill, "data")[said["training"]["dataset"]]
    assert data["hashes"] == [{"alg": "SHA-256", "content": said["table"]["sha256"]}]
    depends = {each["ref"]: each["dependsOn"] for each in bill["dependencies"]}
    assert depends["model:fr_regressor_v1"] == [data["bom-ref"]]
    assert depends["model:tiny_v1"] == []


def test_every_file_stands_once_with_the_model_that_it_belongs_to(registry):
    bill = compose(registry, "libvmaf")
    files = {name: {each["name"] for each in model["components"]} for name, model in components(bill).items()}
    assert files["tiny_v1"] == {"tiny_v1.onnx", "tiny_v1.int8.onnx", "tiny_v1.json"}
    assert files["pair_v1_s0"] == {"pair_v1_s0.onnx", "pair_v1_s0.json"}
    assert "pair_v1_s0.onnx" not in files["pair_v1"]
    references = [each["bom-ref"] for model in bill["components"] for each in (model, *model.get("components", ()))]
    assert len(references) == len(set(references))


def test_it_is_the_same_whenever_it_is_written(registry):
    assert compose(registry, "libvmaf") == compose(registry, "libvmaf")


def test_a_licence_that_is_no_expression_is_named_as_it_is(registry):
    index = strict_json.read(registry / "registry.json")
    index["models"][0]["license"] = "ask us"
    del index["models"][1]["license"]
    (registry / "registry.json").write_text(strict_json.dumps(index))
    bill = compose(registry, "libvmaf")
    assert components(bill)["fr_regressor_v1"]["licenses"] == [{"license": {"name": "ask us"}}]
    assert_valid(strict_json.dumps(bill))


def test_it_can_be_written_into_a_file(tinyai, registry, tmp_path):
    ran = tinyai("bom", "--registry", registry, "-o", tmp_path / "bom.json", "--json")
    assert ran.json == {"bom": str(tmp_path / "bom.json"), "components": 6}
    assert_valid((tmp_path / "bom.json").read_text())
    assert tinyai("bom", "--registry", registry, "-o", tmp_path / "none" / "bom.json").code == 2
