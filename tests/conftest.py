"""Fixtures that every test may use: tables, registries, plugins made on the spot, the command line."""

from __future__ import annotations

import hashlib
import os
import re
import sys
import sysconfig
import venv
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parents[1]
EXAMPLE_TABLE = ROOT / "examples" / "tables" / "vmaf_features_b.parquet"

# A loaded machine is slow at times, and that is no failure. Hypothesis's own profile for CI has no deadline either.
settings.register_profile("default", deadline=None)
# `make fuzz` tries tens of thousands of examples; in a run of the suite fuzzing takes seconds.
settings.register_profile("nightly", max_examples=9000)


def pytest_terminal_summary(terminalreporter):
    """What tests tell of how much they have tried: see ``tests/store/conftest.py``."""
    reports = [each for group in terminalreporter.stats.values() for each in group]
    told = [v for each in reports for name, v in getattr(each, "user_properties", ()) if name == "told"]
    for line in sorted(set(told)):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def installed() -> str:
    """The plugins that this checkout installs, as the variable that blocks plugins takes them."""
    return ",".join(sorted(point.name for point in entry_points(group="tinyai_registry")))


@pytest.fixture(scope="session")
def cluster():
    """Dask's, of two workers, each a process that imports what a test could when the first one asked for them."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0", silence_logs=50
    ) as two:
        yield two


@pytest.fixture
def registry(tinyai_registry) -> Path:
    """An empty registry, from the kit for plugin authors, as ``tinyai`` is, too."""
    return tinyai_registry


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
    """Makes a module importable and announces it as an installed plugin: ``install("duo", source)``.

    Returns the folder that another process needs on its ``PYTHONPATH``.
    """

    def make(name: str, source: str, version: str = "1.0", distribution: str | None = None) -> Path:
        distribution = distribution or f"tinyai-{name}"
        site = tmp_path / "site" / f"{distribution}-{version}"
        info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (site / f"{name}_plugin.py").write_text(source, encoding="utf-8")
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[tinyai_registry]\n{name} = {name}_plugin\n")
        monkeypatch.syspath_prepend(site)
        monkeypatch.delitem(sys.modules, f"{name}_plugin", raising=False)
        return site

    yield make
    for module in [name for name in sys.modules if name.endswith("_plugin") and "." not in name]:
        del sys.modules[module]


@pytest.fixture
def stranger(tmp_path) -> dict[str, str]:
    """The environment of someone who has this package installed and nothing of ours to write into.

    A virtual environment of its own that also sees the packages of this one: pip installs and uninstalls for real, but
    downloads nothing.
    """
    pytest.importorskip("hatchling")
    folder = tmp_path / "venv"
    venv.create(folder)
    bin_folder = folder / ("Scripts" if os.name == "nt" else "bin")
    purelib = sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)})
    ours = sysconfig.get_path("purelib")
    Path(purelib, "ours.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
    python = f"exec {bin_folder / 'python'}"
    for name, line in {
        "pip": f'verb=$1; shift; test "$verb" = install && set -- --no-deps --no-build-isolation "$@"\n'
        f'{python} -m pip "$verb" --quiet --disable-pip-version-check "$@"',
        "pytest": f'{python} -m pytest -q "$@"',
        "tinyai": f'{python} -m tinyai_registry "$@"',
    }.items():
        (bin_folder / name).write_text(f"#!/bin/sh\n{line}\n")
        (bin_folder / name).chmod(0o755)
    return {**os.environ, "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}", "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture
def duo_as(install):
    """Installs the second plugin with parts of its source replaced: ``duo_as({'"MIT"': '"ISC"'})``."""

    def make(changes: Mapping[str, str], name: str = "duo", **more) -> Path:
        source = (Path(__file__).parent / "plugins" / "duo.py").read_text(encoding="utf-8")
        for old, new in changes.items():
            assert old in source
            source = source.replace(old, new)
        return install(name, source, **more)

    return make


@pytest.fixture
def duo(duo_as) -> Path:
    """The second plugin, installed: ``duo_v1``."""
    return duo_as({})


@pytest.fixture
def refresh(tinyai, registry):
    """Refreshes ``duo_v1`` in the registry from a table: ``refresh(table, "--force")``."""

    def run(table: Path, *words):
        return tinyai("refresh", "duo_v1", "--table", table, "--registry", registry, "--json", *words)

    return run


@pytest.fixture
def shared() -> Path:
    """The project's shared data; a test that asks for it is skipped where it is absent."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("no shared data beside the checkout")
    return folder


@pytest.fixture
def digests():
    """The SHA-256 of every file under a folder, by relative name.

    What does not count: the registry's history, which grows by what is refused too, and what Python compiled.
    """

    def of(folder: Path) -> dict[str, str]:
        return {
            str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not {".tinyai", "__pycache__"} & set(path.parts)
        }

    return of


@pytest.fixture
def c_read():
    """What the C runtime reads for a key: the first ``"key"`` in the text, the next colon, then a value.

    Written from the runtime's description alone, so that it can disagree with our own check.
    """

    def read(text: str, key: str):
        rest = text[text.index(f'"{key}"') + len(key) + 2 :]
        rest = rest[rest.index(":") + 1 :].lstrip()
        if rest[0] == '"':
            return rest[1 : rest.index('"', 1)]
        if rest[0] == "[":
            items = [item.strip() for item in rest[1 : rest.index("]")].split(",")]
            return [item.strip('"') if item.startswith('"') else float(item) for item in items]
        return True if rest.startswith("true") else int(re.match(r"-?\d+", rest).group()) if rest[0] != "f" else False

    return read
