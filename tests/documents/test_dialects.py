"""A sidecar is recognised by its keys, and held against the schema of its own dialect."""

from __future__ import annotations

import pytest

from tinyai_registry.documents import schema, strict_json
from tinyai_registry.documents.dialects import CURRENT, PACKAGED, RUNTIME, dialect

RUN = {"kind": "nr", "name": "old", "onnx_opset": 17, "input_name": "x", "output_name": "y"}
PACKED = {"kind": "nr", "id": "old_v1", "onnx": "old.onnx", "opset": 17, "sha256": "a" * 64}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (RUN, RUNTIME),
        (PACKED, PACKAGED),
        ({}, RUNTIME),
        ({"kind": "fr", "input_names": ["x"]}, PACKAGED),
        ([], CURRENT),
    ],
)
def test_a_sidecar_is_recognised_by_its_keys(document, expected):
    assert dialect(document) == expected


@pytest.mark.parametrize("lost", ["schema_version", "recipe", "evaluation"])
def test_a_sidecar_of_ours_that_has_lost_a_key_is_still_ours(sidecar, lost):
    assert dialect(sidecar) == CURRENT
    del sidecar[lost]
    assert dialect(sidecar) == CURRENT
    assert list(schema.violations("sidecar", sidecar))


@pytest.mark.parametrize("document", [RUN, PACKED], ids=["runtime", "packaged"])
def test_each_key_that_makes_a_dialect_is_asked_for_and_others_may_stand_beside_them(document):
    name = dialect(document).schema
    assert list(schema.violations(name, {**document, "smoke": True})) == []
    for key in document:
        [violation] = schema.violations(name, {k: v for k, v in document.items() if k != key})
        assert violation.message == f"lacks {key}"


@pytest.mark.parametrize(
    ("change", "where"),
    [({"kind": "audio"}, "/kind"), ({"features": "a"}, "/features"), ({"input_std": [1, 0]}, "/input_std/1")],
)
def test_what_a_dialect_describes_is_checked(change, where):
    for document in (RUN, PACKED):
        [violation] = schema.violations(dialect(document).schema, {**document, **change})
        assert violation.pointer == where


def test_the_sidecars_of_a_real_registry_are_valid_as_what_they_are(shared):
    found = {}
    for path in sorted((shared / "real-registry").glob("*.json")):
        if not path.stem.startswith("registry"):
            document = strict_json.read(path)
            found[path.stem] = dialect(document).name
            assert list(schema.violations(dialect(document).schema, document)) == [], path.name
    assert len(found) == 10
    assert {stem for stem, name in found.items() if name == "runtime"} == {
        *("dists_sq", "mobilesal", "saliency_student_v1", "smoke_v0")
    }
