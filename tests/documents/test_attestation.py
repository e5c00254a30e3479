"""The attestation is what its own tools take it for, and says what the sidecar says."""

from __future__ import annotations

import json

import pytest

from tinyai_registry.documents import attestation
from tinyai_registry.documents.schema import violations

FILES = {"tone_v1.onnx": "a" * 64, "tone_v1.json": "b" * 64, "tone_v1.md": "c" * 64}


@pytest.fixture
def written(sidecar):
    return json.loads(attestation.render(attestation.compose(sidecar, FILES)))


def materials(written):
    return {each["name"]: each for each in written["predicate"]["buildDefinition"]["resolvedDependencies"]}


def test_it_is_valid_by_our_schema(written):
    assert list(violations("attestation", written)) == []


def test_it_is_a_statement_and_a_provenance_to_their_own_library(written):
    """in-toto's package refuses fields that neither has, and statements that break the rules of theirs."""
    statements = pytest.importorskip("in_toto_attestation.v1.statement")
    from google.protobuf import json_format
    from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance
    from in_toto_attestation.v1.statement_pb2 import Statement

    parsed = json_format.ParseDict(written, Statement())
    statements.Statement.copy_from_pb(parsed).validate()
    provenance = json_format.ParseDict(written["predicate"], Provenance())
    assert provenance.run_details.builder.id.startswith("pkg:pypi/tinyai-registry@")
    assert {each.name: dict(each.digest) for each in parsed.subject} == {n: {"sha256": d} for n, d in FILES.items()}


def test_its_subjects_are_the_files(written):
    assert attestation.subjects(written) == FILES


def test_its_materials_are_table_recipe_plugin_and_environment(written, sidecar):
    found = materials(written)
    assert found["table tones.parquet"]["digest"]["sha256"] == "a" * 64
    assert found["recipe tone_v1"]["digest"]["sha256"] == sidecar["recipe_fingerprint"]
    assert found["plugin tinyai-tone"]["uri"] == "pkg:pypi/tinyai-tone@1.0"
    assert found["python"]["uri"] == "pkg:generic/python@3.11.7"
    assert found["registry"] == {"name": "registry", "digest": {"gitCommit": "c" * 40}, "annotations": {"dirty": True}}


def test_every_file_that_a_table_was_put_together_from_is_a_material(sidecar):
    part = {"corpus": "bells", "file": "part.parquet", "sha256": "d" * 64}
    table = {**sidecar["table"], "corpora": [part], "origin": {"record_sha256": "e" * 64, "logs": 9}}
    found = attestation.materials({**sidecar, "table": table})
    names = ["table tones.parquet", "record of the table's logs", "table bells part.parquet"]
    assert sorted(each["name"] for each in found[:3]) == sorted(names)


def test_without_a_commit_none_is_named(sidecar):
    sidecar["provenance"]["git"] = {"why": "no checkout"}
    assert "registry" not in materials(attestation.compose(sidecar, FILES))
