"""The page on adopting an old registry: its commands lead a real one to no finding without a reason."""

from __future__ import annotations

import re
import shlex
import shutil
import tomllib
from pathlib import Path

import pytest

from tinyai_registry.documents import strict_json
from tinyai_registry.files import File
from tinyai_registry.onnxfile.graph import ParsedGraph, read_graph

PAGE = (Path(__file__).parents[1] / "docs" / "adopting.md").read_text(encoding="utf-8")
STEPS = re.compile(r"^`tinyai\.toml`[^\n]*:\n\n```toml\n(.*?)^```|^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def project(shared, tmp_path, monkeypatch) -> Path:
    """A copy of the real registry in a project of its own."""
    root = tmp_path / "model" / "tiny"
    shutil.copytree(shared / "real-registry", root, ignore=shutil.ignore_patterns("PROVENANCE.md"))
    for path in [root, *root.iterdir()]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def numbers(root: Path) -> dict[str, list[bytes]]:
    """What each graph and twin of a registry gives for drawn inputs, by the id that the model had at first."""
    from tinyai_registry.lab.inference import draw_inputs, open_session

    np = pytest.importorskip("numpy")
    found = {}
    for row in strict_json.read(root / "registry.json")["models"]:
        for name in (row["onnx"], row["onnx"].replace(".onnx", ".int8.onnx")):
            if (root / name).exists():
                graph = read_graph(File(name, (root / name).read_bytes()))
                assert isinstance(graph, ParsedGraph)
                feed = draw_inputs(np.random.default_rng(7), graph.signature)
                given = open_session(str(root / name)).run(list(graph.signature.outputs), feed)
                model = row.get("previous_id", row["id"])
                found[f"{model} {'int8' if 'int8' in name else 'fp32'}"] = [
                    np.asarray(each).tobytes() for each in given
                ]
    return found


def test_the_page_leads_a_real_registry_to_no_finding_without_a_reason(project, tinyai):
    root = project / "model" / "tiny"
    before, ran = numbers(root), tinyai("validate", root, "--json")
    assert ran.json["summary"]["errors"] > 40
    for settings, lines in STEPS.findall(PAGE):
        with (project / "tinyai.toml").open("a", encoding="utf-8") as file:
            file.write(f"{settings}\n")
        for line in lines.splitlines():
            done = tinyai(*shlex.split(line.removeprefix("$ tinyai ")))
            assert done.code == 0, f"{line}\n{done.out}\n{done.err}"
    summary = tinyai("validate", "--strict", "--load", "--json").json["summary"]
    assert (summary["errors"], summary["warnings"], summary["excused"]) == (0, 0, 4)
    assert tomllib.loads((project / "tinyai-baseline.toml").read_text(encoding="utf-8")) == {}
    after = numbers(root)
    assert len(before) == 13
    assert {model: after[model] for model in before} == before
    assert after["smoke_v1 fp32"] == after["smoke_v0 fp32"]
    assert [path.name for path in (project / "leftovers").iterdir()] == ["fr_regressor_v2.onnx.data"]
