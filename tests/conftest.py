"""Fixtures that every test may use: tables, registries, plugins made on the spot, the command line."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from tinyai_registry.cli.app import main

ROOT = Path(__file__).parents[1]
EXAMPLE_TABLE = ROOT / "examples" / "tables" / "vmaf_features_b.parquet"


@dataclass(frozen=True)
class Ran:
    """What a run of ``tinyai`` left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def tinyai():
    """Runs the command line in this process: ``tinyai("list", "--registry", folder)``."""

    def run(*words) -> Ran:
        result = CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)
        return Ran(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def registry(tmp_path, tinyai) -> Path:
    """An empty registry."""
    folder = tmp_path / "registry"
    assert tinyai("init", folder).code == 0
    return folder


@pytest.fixture
def frame():
    """1 368 rows of real features: every eighth frame of the example table."""
    import pandas as pd

    rows = pd.read_parquet(EXAMPLE_TABLE)
    return rows[rows.frame_index % 8 == 0].reset_index(drop=True)


@pytest.fixture
def write_table(tmp_path):
    """Writes a frame as parquet and returns the path."""

    def write(frame, name="table.parquet") -> Path:
        path = tmp_path / name
        frame.to_parquet(path)
        return path

    return write


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Makes a module importable and announces it as an installed plugin: ``install("duo", source)``."""

    def make(name: str, source: str, version: str = "1.0", distribution: str | None = None) -> None:
        distribution = distribution or f"tinyai-{name}"
        site = tmp_path / "site" / f"{distribution}-{version}"
        info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (site / f"{name}_plugin.py").write_text(source, encoding="utf-8")
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[tinyai_registry]\n{name} = {name}_plugin\n")
        monkeypatch.syspath_prepend(site)
        monkeypatch.delitem(sys.modules, f"{name}_plugin", raising=False)

    yield make
    for module in [name for name in sys.modules if name.endswith("_plugin")]:
        del sys.modules[module]


@pytest.fixture
def duo(install) -> None:
    """The second plugin, installed: ``duo_v1``."""
    install("duo", (Path(__file__).parent / "plugins" / "duo.py").read_text(encoding="utf-8"))


@pytest.fixture
def shared() -> Path:
    """The project's shared data; a test that asks for it is skipped where it is absent."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("no shared data beside the checkout")
    return folder


@pytest.fixture
def digests():
    """The SHA-256 of every file under a folder, by relative name."""

    def of(folder: Path) -> dict[str, str]:
        return {
            str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    return of
