"""A registry is written and checked for the runtime that ``tinyai.toml`` names."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from tinyai_registry.onnxfile.runtime import runtime_names

EXAMPLE = Path(__file__).parents[2] / "examples" / "registry"
TWIN = """
    <ir_version: 8, opset_import: ["" : 17]>
    tiny (float[N, 2] x) => (float[N] y) <int8[2, 1] v = {1, 2}, int64[1] last = {1}>
    {
        q, s, z = DynamicQuantizeLinear(x)  i = MatMulInteger(q, v, z)
        f = Cast<to = 1>(i)  a = Mul(f, s)  y = Squeeze(a, last)
    }
"""


@pytest.fixture
def project(tmp_path, registry, monkeypatch):
    """Makes the working directory a project whose registry is for a runtime."""

    def of(runtime):
        (tmp_path / "tinyai.toml").write_text(f'[registry]\npath = "{registry.name}"\nruntime = "{runtime}"\n')
        monkeypatch.chdir(tmp_path)

    return of


@pytest.mark.parametrize("runtime", runtime_names())
def test_what_is_refreshed_for_a_runtime_is_valid_for_it(project, duo, tinyai, frame, write_table, runtime):
    project(runtime)
    assert tinyai("refresh", "duo_v1", "--table", write_table(frame)).code == 0
    assert tinyai("validate").code == 0
    assert tinyai("validate", "--load").code == 0


@pytest.mark.parametrize(("runtime", "codes"), [("libvmaf", ["TAI515"]), ("vmafx", [])])
def test_the_command_of_the_newer_alone_feeds_the_example(project, tinyai, runtime, codes):
    project(runtime)
    ran = tinyai("validate", EXAMPLE, "--strict", "--json")
    assert (ran.code, [found["code"] for found in ran.json["findings"]]) == (0, codes)


@pytest.mark.parametrize(("runtime", "codes"), [("libvmaf", {"TAI404"}), ("vmafx", set())])
def test_operators_are_those_of_the_runtime(project, tinyai, registry, runtime, codes):
    project(runtime)
    (registry / "m_v1.onnx").write_bytes(onnx.parser.parse_model(TWIN).SerializeToString())
    (registry / "m_v1.json").write_text('{"kind": "fr", "input_names": ["x"]}')
    (registry / "registry.json").write_text(
        '{"models": [{"id": "m_v1", "kind": "fr", "onnx": "m_v1.onnx"}], "schema_version": 1}'
    )
    found = tinyai("validate", "--json", "--select", "TAI404").json["findings"]
    assert {each["code"] for each in found} == codes


def test_a_runtime_that_is_none_is_said_to_be_none(project, tinyai):
    project("tensorrt")
    ran = tinyai("validate")
    assert ran.code == 2
    assert "registry.runtime is 'tensorrt'; there are libvmaf, vmafx" in ran.err
