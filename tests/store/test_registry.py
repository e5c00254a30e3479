"""Reading a registry folder."""

from __future__ import annotations

import hashlib
import json

import pytest

from tinyai_registry.errors import DocumentError, RegistryError
from tinyai_registry.store.publish import init
from tinyai_registry.store.registry import Registry, open_registry

OUTSIDE = {
    "parent": "../x.onnx",
    "parent below": "a/../../x.onnx",
    "parent and back": "a/../x.onnx",
    "absolute": "/etc/passwd",
    "backslash": "..\\x.onnx",
    "nothing": "",
    "link": "link/x.onnx",
    "linked file": "linked.onnx",
    "NUL": "a\0.onnx",
    "loop": "loop/x.onnx",
}


@pytest.fixture
def registry(tmp_path) -> Registry:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.onnx").write_bytes(b"secret")
    root = tmp_path / "registry"
    init(root)
    (root / "link").symlink_to(outside)
    (root / "linked.onnx").symlink_to(outside / "x.onnx")
    (root / "loop").symlink_to("loop")
    return open_registry(root)


@pytest.mark.parametrize("name", OUTSIDE.values(), ids=OUTSIDE)
def test_a_name_that_leads_out_of_the_folder_is_refused(registry, name):
    with pytest.raises(RegistryError) as refused:
        registry.path(name)
    assert repr(name) in str(refused.value)


@pytest.mark.parametrize("name", OUTSIDE.values(), ids=OUTSIDE)
def test_no_digest_is_taken_outside_the_folder(registry, name):
    with pytest.raises(RegistryError):
        registry.digest(name)


@pytest.mark.parametrize("name", ["x.onnx", "a/b/x.onnx", "x.onnx.data", "..x"])
def test_a_name_inside_is_a_path_inside(registry, name):
    assert registry.path(name) == registry.root / name


def test_a_digest_is_that_of_the_file_and_none_where_there_is_no_file(registry):
    (registry.root / "x.onnx").write_bytes(b"graph")
    assert registry.digest("x.onnx") == hashlib.sha256(b"graph").hexdigest()
    assert registry.digest("y.onnx") is None


def test_a_registry_reached_through_a_link_is_still_a_registry(registry, tmp_path):
    (tmp_path / "alias").symlink_to(registry.root)
    assert open_registry(tmp_path / "alias").path("x.onnx").name == "x.onnx"


def test_init_refuses_a_registry_that_is_there(tmp_path, digests):
    init(tmp_path)
    (tmp_path / "registry.json").write_text('{"models": [], "schema_version": 0}')
    before = digests(tmp_path)
    with pytest.raises(RegistryError, match="nothing was changed"):
        init(tmp_path)
    assert digests(tmp_path) == before


def write(registry: Registry, *models: object) -> Registry:
    document = {"models": models, "schema_version": 1}
    (registry.root / "registry.json").write_text(json.dumps(document))
    return open_registry(registry.root)


def test_a_model_is_found_with_its_sidecar_or_without(registry):
    (registry.root / "a.json").write_text('{"kind": "fr"}')
    found = write(registry, "noise", {"id": "a", "onnx": "a.onnx"}, {"id": "b", "onnx": "b.onnx"})
    assert found.find("a").sidecar == {"kind": "fr"}
    assert found.find("a").stem == "a"
    assert found.find("b").sidecar is None
    assert found.find("c") is None


@pytest.mark.parametrize(
    "rows",
    [
        [{"id": "a", "onnx": "a.onnx"}, {"id": "a", "onnx": "b.onnx"}],
        [{"id": "a"}],
        [{"id": "a", "onnx": 5}],
        [{"id": "a", "onnx": "a.tflite"}],
        [{"id": "a", "onnx": "../a.onnx"}],
        [{"id": "a", "onnx": "a\0.onnx"}],
        [{"id": "a", "onnx": "a" * 300 + ".onnx"}],
    ],
    ids=["twice", "no file", "number", "other format", "outside", "NUL", "endless"],
)
def test_a_row_that_does_not_say_which_file_is_refused(registry, rows):
    with pytest.raises(RegistryError):
        write(registry, *rows).find("a")


@pytest.mark.parametrize("sidecar", ["[]", '{"kind": NaN}', '{"kind": "fr", "kind": "nr"}', "\ufeff{}", "5"])
def test_a_sidecar_that_is_not_a_strict_json_object_is_refused_and_named(registry, sidecar):
    (registry.root / "a.json").write_text(sidecar, encoding="utf-8")
    with pytest.raises(DocumentError, match=r"a\.json"):
        write(registry, {"id": "a", "onnx": "a.onnx"}).find("a")


@pytest.mark.parametrize("content", ["[]", "{}", '{"models": {}}', '{"models": [], "models": []}', ""])
def test_a_registry_json_that_is_no_registry_is_refused_and_named(registry, content):
    (registry.root / "registry.json").write_text(content)
    with pytest.raises(DocumentError, match=r"registry\.json"):
        open_registry(registry.root)


def test_a_folder_without_a_registry_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(RegistryError, match="tinyai init"):
        open_registry(tmp_path)
