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


def broken(name: schema.SchemaName, document: object) -> list[tuple[str, str]]:
    return [(each.pointer, each.message) for each in schema.violations(name, document)]


@pytest.mark.parametrize("name", schema.NAMES)
def test_each_schema_is_valid_2020_12(name):
    document = schema.load(name)
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(document)


@pytest.mark.parametrize("name", schema.NAMES)
def test_every_property_is_described(name):
    document = schema.load(name)
    found = dict(properties(document))
    # In a branch a property is narrowed, not introduced: its description stands where it is introduced.
    introduced = {path: node for path, node in found.items() if not {"if", "then", "else"} & set(path.split("/"))}
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


@pytest.mark.parametrize("path", sorted(schema.folder().iterdir()), ids=lambda path: path.name)
def test_the_schemas_are_written_as_we_write_json(path):
    text = path.read_text(encoding="ascii")
    assert strict_json.dumps(strict_json.read(path), sort_keys=False) == text


@pytest.mark.parametrize("name", schema.NAMES)
def test_a_schema_says_its_version_and_needs_no_other_file(name):
    document = schema.load(name)
    assert document["$id"] == f"https://tinyai-registry.example/schemas/v1/{name}.schema.json"
    inside = {"#", *(f"#/$defs/{key}" for key in document.get("$defs", {}))}
    inside |= {each.get("$id", "").rpartition("/")[2] for each in document.get("$defs", {}).values()}
    assert set(references(document)) <= inside


def references(node: object) -> Iterator[str]:
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    if isinstance(node, dict) and isinstance(node.get("$ref"), str):
        yield node["$ref"]
    for child in children:
        yield from references(child)


def patterns(node: object) -> Iterator[dict]:
    """Every schema with a pattern."""
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    if isinstance(node, dict) and isinstance(node.get("pattern"), str):
        yield node
    for child in children:
        yield from patterns(child)


@pytest.mark.parametrize("name", schema.NAMES)
def test_a_value_of_a_form_has_a_word_for_it_and_no_trailing_newline_in_any_validator(name):
    found = list(patterns(schema.load(name)))
    assert found
    for node in found:
        assert node["title"]
        assert node["pattern"].endswith(r"$(?!\n)")
        assert node["pattern"].startswith("^")


@pytest.mark.parametrize("strict", [True, False], ids=["ours", "plain jsonschema"])
@pytest.mark.parametrize("key", ["id", "sha256", "onnx"])
def test_a_trailing_newline_fails_in_ours_and_in_others_validators(strict, key):
    row = {**ROW, key: ROW[key] + "\n"}
    document = {"models": [row], "schema_version": 1}
    plain = jsonschema.Draft202012Validator(schema.load("registry"))
    assert plain.is_valid({"models": [ROW], "schema_version": 1})
    assert broken("registry", document) if strict else not plain.is_valid(document)


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
    [(pointer, message)] = broken("registry", {"models": [ROW, {**ROW, **change}], "schema_version": 1})
    assert pointer == f"/models/1{where}"
    assert message
    assert "\n" not in message


@pytest.mark.parametrize("key", sorted(ROW))
def test_a_row_without_a_required_key_is_refused(key):
    assert broken("row", {k: v for k, v in ROW.items() if k != key}) == [("", f"lacks {key}")]


def test_every_key_of_a_new_sidecar_is_required_but_the_scaler_and_what_earlier_ones_did_not_have(sidecar):
    for key in set(sidecar) - {"feature_mean", "feature_std", "shipped"}:
        [(pointer, message)] = broken("sidecar", {k: v for k, v in sidecar.items() if k != key})
        assert (pointer, message.partition(",")[0]) == ("", f"lacks {key}")


def test_a_new_sidecar_whose_graph_does_not_scale_must_bring_the_scaler(sidecar):
    [(_, message)] = broken("sidecar", {**sidecar, "onnx_has_scaler": False})
    assert message == "lacks feature_mean, feature_std, which a model whose graph does not standardise has"


@pytest.mark.parametrize(("kind", "asked"), [("fr", True), ("nr", True), ("filter", False)])
def test_what_scores_has_features_and_is_measured_and_a_filter_need_not(sidecar, kind, asked):
    score = ("evaluation", "feature_order", "in_sample")
    found = broken("sidecar", {k: v for k, v in {**sidecar, "kind": kind}.items() if k not in score})
    lacks = (
        "lacks evaluation, in_sample, which a model of kind fr or nr has",
        "lacks feature_order, which a model that is fed columns has",
    )
    assert found == [("", each) for each in lacks] * asked


# A change of the sidecar, where it is found, and what is said of it.
BAD_SIDECARS = {
    "digest with a newline": ({"sha256": "a" * 64 + "\n"}, "/sha256", "is not a SHA-256 in lower-case hex"),
    "fingerprint in capitals": ({"recipe_fingerprint": "A" * 64}, "/recipe_fingerprint", "is not a SHA-256"),
    "id with a look-alike": ({"id": "t\u043ene_v1"}, "/id", r'"t\u043ene_v1" is not an id (a-z, 0-9, _ and -;'),
    "opset out of range": ({"opset": 99}, "/opset", "99 is more than 25"),
    "opset too old": ({"onnx_opset": 6}, "/onnx_opset", "6 is less than 7"),
    "opset as a word": ({"opset": "17"}, "/opset", '"17" is not an integer'),
    "another version": ({"schema_version": 2}, "/schema_version", "2 is not 1"),
    "unknown kind": ({"kind": "audio"}, "/kind", '"audio" is none of fr, nr, filter'),
    "unknown key": ({"extras": {}}, "/extras", "unknown key"),
    "unknown key to be escaped": ({"a/b~c": {}}, "/a~1b~0c", "unknown key"),
    "a refusal that shipped": (
        {"gate": [{"criterion": "x", "value": 0.9, "passed": True}, {"criterion": "x", "value": 0.1, "passed": False}]},
        "/gate/1/passed",
        "false is not true",
    ),
    "an empty gate": ({"gate": []}, "/gate", "is empty"),
    "a gate of one": (
        {"gate": [{"criterion": "x", "value": 0.9, "passed": True}]},
        "/gate",
        "has 1, must have 2 or more",
    ),
    "no artifact": ({"artifacts": []}, "/artifacts", "is empty"),
    "an artifact without its digest": (
        {"artifacts": [{"bytes": 1, "opset": 17, "parity_max_abs": 0, "path": "x.onnx"}]},
        "/artifacts/0",
        "lacks sha256",
    ),
    "an artifact whose parity nobody measured": (
        {"artifacts": [{"bytes": 1, "opset": 17, "path": "x.onnx", "sha256": "a" * 64}]},
        "/artifacts/0",
        "lacks parity_max_abs",
    ),
    "a zero std": ({"feature_std": [1.0, 0.0]}, "/feature_std/1", "0.0 is not more than 0"),
    "a list for an object": ({"previous": []}, "/previous", "a list is not an object or null"),
    "a metric that is none": ({"in_sample": None}, "/in_sample", "null is not an object"),
    "a gate of a plugin's own": (
        {"card": {"title": "x", "summary": "", "intended_use": "", "limits": "", "sections": {"Gate": "- passed"}}},
        "/card/sections",
        '"Gate" is a heading of the card itself',
    ),
    "what is imported only": ({"legacy": {}}, "/legacy", "has no place in a sidecar that was not imported"),
}


@pytest.mark.parametrize(("change", "where", "told"), BAD_SIDECARS.values(), ids=BAD_SIDECARS)
def test_a_bad_sidecar_is_one_line_that_says_where_and_what(sidecar, change, where, told):
    [(pointer, message)] = broken("sidecar", {**sidecar, **change})
    assert pointer == where
    assert told in message


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
    artifact["test_vector"] = {**artifact["test_vector"], **change}
    [(pointer, _)] = broken("sidecar", sidecar)
    assert pointer.startswith("/artifacts/0/test_vector")


def test_a_sidecar_from_before_there_were_test_vectors_is_valid(sidecar):
    del sidecar["artifacts"][0]["test_vector"]
    assert broken("sidecar", sidecar) == []


def test_findings_come_item_by_item(sidecar):
    verdict = {"criterion": "x", "value": 0.9, "passed": True}
    gate = [{**verdict, "passed": number not in {2, 10}} for number in range(12)]
    assert [pointer for pointer, _ in broken("sidecar", {**sidecar, "gate": gate})] == [
        "/gate/2/passed",
        "/gate/10/passed",
    ]


@pytest.mark.parametrize("value", [[], None, "x", 1, True])
def test_what_is_no_object_is_no_document(value):
    for name in schema.NAMES:
        [(pointer, message)] = broken(name, value)
        assert (pointer, message.endswith(" is not an object")) == ("", True)
