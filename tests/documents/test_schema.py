"""The schemas themselves, and what they let through."""

from __future__ import annotations

from collections.abc import Iterator

import jsonschema
import pytest

from tinyai_registry.documents import schema, strict_json

ROW = {"id": "tone_v1", "kind": "nr", "onnx": "tone_v1.onnx", "sha256": "a" * 64}


def properties(node: object, where: str = "") -> Iterator[tuple[str, dict]]:
    """Every property that is described anywhere in a schema, with its path."""
    if isinstance(node, dict):
        for name, described in node["properties"].items() if isinstance(node.get("properties"), dict) else ():
            if isinstance(described, dict):
                yield f"{where}/{name}", described
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield from properties(child, f"{where}/{key}")


def broken(name: schema.SchemaName, document: object) -> list[str]:
    return list(schema.violations(name, document))


@pytest.mark.parametrize("name", schema.NAMES)
def test_each_schema_is_valid_2020_12(name):
    document = schema.load(name)
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(document)


@pytest.mark.parametrize("name", schema.NAMES)
def test_every_property_is_described(name):
    document = schema.load(name)
    found = dict(properties(document))
    # Under if/then a property is narrowed, not introduced: its description stands where it is introduced.
    introduced = {path: node for path, node in found.items() if "/then/" not in path and "/if/" not in path}
    silent = [
        path
        for path, node in introduced.items()
        if not node.get("description") and not describes(document, node.get("$ref", ""))
    ]
    assert introduced
    assert silent == []


def describes(document: dict, reference: str) -> bool:
    node = document
    for part in reference.removeprefix("#/").split("/"):
        node = node.get(part, {})
    return bool(node.get("description"))


@pytest.mark.parametrize("name", schema.NAMES)
def test_the_schemas_are_written_as_we_write_json(name):
    path = schema.folder() / f"{name}.schema.json"
    text = path.read_text(encoding="ascii")
    assert strict_json.dumps(schema.load(name), sort_keys=False) == text


def test_a_sidecar_with_something_in_every_field_is_valid(sidecar):
    assert broken("sidecar", sidecar) == []
    assert broken("sidecar", strict_json.loads(strict_json.dumps(sidecar).encode(), "x")) == []


def test_a_row_and_a_registry_are_valid():
    assert broken("row", ROW) == []
    assert broken("registry", {"models": [ROW], "schema_version": 1}) == []


BAD_ROWS = {
    "id with a newline": ({"id": "tone_v1\n"}, "/id"),
    "digest with a newline": ({"sha256": "a" * 64 + "\n"}, "/sha256"),
    "digest in capitals": ({"sha256": "A" * 64}, "/sha256"),
    "file with a newline": ({"onnx": "tone_v1.onnx\n"}, "/onnx"),
    "file that leads out": ({"onnx": "a/../../../etc/x.onnx"}, "/onnx"),
    "absolute file": ({"onnx": "/etc/x.onnx"}, "/onnx"),
    "hidden file": ({"onnx": ".x.onnx"}, "/onnx"),
    "file with a backslash": ({"onnx": "a\\x.onnx"}, "/onnx"),
    "signature that leads out": ({"sigstore_bundle": "../x.sigstore.json"}, "/sigstore_bundle"),
    "twin's digest with a newline": ({"int8_sha256": "a" * 64 + "\n"}, "/int8_sha256"),
    "opset as a word": ({"opset": "17"}, "/opset"),
    "opset as truth": ({"opset": True}, "/opset"),
    "unknown kind": ({"kind": "audio"}, "/kind"),
    "empty licence": ({"license": ""}, "/license"),
}


@pytest.mark.parametrize(("change", "where"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_bad_row_is_one_line_that_says_where(change, where):
    [line] = broken("registry", {"models": [ROW, {**ROW, **change}], "schema_version": 1})
    assert line.startswith(f"/models/1{where}: ")
    assert "\n" not in line


@pytest.mark.parametrize("key", sorted(ROW))
def test_a_row_without_a_required_key_is_refused(key):
    [line] = broken("row", {k: v for k, v in ROW.items() if k != key})
    assert repr(key) in line


def test_every_key_of_a_new_sidecar_is_required_but_the_scaler(sidecar):
    for key in set(sidecar) - {"schema_version", "feature_mean", "feature_std"}:
        assert broken("sidecar", {k: v for k, v in sidecar.items() if k != key}), key


def test_a_sidecar_whose_graph_does_not_scale_must_say_how_to():
    foreign = {"kind": "nr", "onnx_has_scaler": False}
    assert broken("sidecar", foreign) == []


def test_a_new_sidecar_whose_graph_does_not_scale_must_bring_the_scaler(sidecar):
    lines = broken("sidecar", {**sidecar, "onnx_has_scaler": False})
    assert any("feature_mean" in line for line in lines)
    assert any("feature_std" in line for line in lines)


BAD_SIDECARS = {
    "digest with a newline": ("sha256", "a" * 64 + "\n"),
    "fingerprint with a newline": ("recipe_fingerprint", "a" * 64 + "\n"),
    "opset out of range": ("opset", 99),
    "unknown key": ("extras", {}),
    "a refusal that shipped": ("gate", [{"criterion": "x", "value": 0.1, "passed": False}]),
    "an empty gate": ("gate", []),
    "no artifact": ("artifacts", []),
    "a zero std": ("feature_std", [0.0, 1.0]),
}


BAD_VECTORS = {
    "no rows": {"inputs": [{"tensor": "x", "values": []}]},
    "an empty row": {"inputs": [{"tensor": "x", "values": [[]]}]},
    "no tensor": {"inputs": []},
    "a tensor without a name": {"outputs": [{"values": [1.0]}]},
    "no output": {"outputs": []},
    "a number as a word": {"outputs": [{"tensor": "score", "values": ["1.5"]}]},
    "no tolerance": {"tolerance": 0},
    "an unknown key": {"rows": 2},
}


@pytest.mark.parametrize("change", BAD_VECTORS.values(), ids=BAD_VECTORS)
def test_a_bad_test_vector_is_refused(sidecar, change):
    [artifact] = sidecar["artifacts"]
    assert broken("sidecar", sidecar) == []
    artifact["test_vector"] = {**artifact["test_vector"], **change}
    assert broken("sidecar", sidecar)


def test_a_sidecar_from_before_there_were_test_vectors_is_valid(sidecar):
    del sidecar["artifacts"][0]["test_vector"]
    assert broken("sidecar", sidecar) == []


@pytest.mark.parametrize(("key", "value"), BAD_SIDECARS.values(), ids=BAD_SIDECARS)
def test_a_bad_sidecar_is_refused(sidecar, key, value):
    assert broken("sidecar", {**sidecar, key: value})


def test_what_other_tools_write_is_checked_only_where_it_is_described():
    assert broken("sidecar", {"kind": "fr", "features": ["a"], "smoke": True, "encoder_vocab": ["unknown"]}) == []
    assert broken("sidecar", {"kind": "audio"})
    assert broken("sidecar", []) == ["/: [] is not of type 'object'"]
