"""Registries to make pages of: the example's, and one of names that are made to break a page."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "registry"
HOSTILE = {
    "markup": "</script><img src=x onerror=alert(1)>",
    "quotes": "\"'`><b>",
    "right_to_left": "\u202egpj.exe \u05e9\u05dc\u05d5\u05dd",
    "long": "x" * 200,
    "template": "{{ 7 * 7 }}{% raw %}",
    "path": "../../up",
}


@pytest.fixture
def example(tmp_path) -> Path:
    """The example's registry, in a folder of its own."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "registry"))


@pytest.fixture
def hostile(example) -> Path:
    """The same, with rows whose every word is made to break a page."""
    index = json.loads((example / "registry.json").read_text())
    [row] = index["models"]
    for name, word in HOSTILE.items():
        more = {"id": word, "notes": word, "license": word, "kind": word, "onnx": f"{name}.onnx"}
        index["models"].append({**row, **more})
        shutil.copy(example / "fr_regressor_v1.onnx", example / f"{name}.onnx")
        text = (example / "fr_regressor_v1.md").read_text()
        (example / f"{name}.md").write_text(
            text.replace("A multilayer", f"{word} <script>alert(1)</script> [x](javascript:alert(1)) A multilayer")
        )
    (example / "registry.json").write_text(json.dumps(index))
    return example


@pytest.fixture
def make_site(tinyai, tmp_path):
    """Writes the catalogue of a registry and returns its folder."""

    def make(registry: Path, name: str = "catalogue") -> Path:
        result = tinyai("site", "--registry", registry, "-o", tmp_path / name)
        assert result.code == 0, result.err
        return tmp_path / name

    return make
