"""A working directory that a stranger has filled: no module and no plugin in it is imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tinyai_registry.store.publish import init

# A refresh is among the commands that are tried, and it needs a table.
pytest.importorskip("pandas", reason="the light installation refreshes nothing")

# What lies there: modules of the library, of ours and of what we use, as files and as packages.
MODULES = ("json.py", "venv.py", "logging.py", "email/__init__.py", "multiprocessing/__init__.py")
OTHERS = ("torch/__init__.py", "pluggy.py", "click/__init__.py", "numpy.py", "sitecustomize.py", "duo_plugin.py")
OURS = ("tinyai_registry/__init__.py", "tinyai_registry/__main__.py", "tinyai_registry/lab/__init__.py")

PWNED = "import pathlib\npathlib.Path({note!r}).write_text(__name__)\nraise SystemExit(0)\n"

SCRIPT = Path(sysconfig.get_path("scripts"), "tinyai")
# Python itself finds a package for `-m` in the working directory, before anything of ours runs.
AS_MODULE, ISOLATED = [sys.executable, "-m", "tinyai_registry"], [sys.executable, "-P", "-m", "tinyai_registry"]
STARTS = {
    "tinyai": ([sys.executable, str(SCRIPT)], (*MODULES, *OTHERS, *OURS)),
    "python -m": (AS_MODULE, (*MODULES, *OTHERS)),
    "python -P -m": (ISOLATED, (*MODULES, *OTHERS, *OURS)),
}
COMMANDS = {
    "list": ["list", "--registry", "registry"],
    "validate": ["validate", "registry", "--json"],
    "plugins": ["plugins"],
    "refresh --all": ["refresh", "--all", "--new", "--json"],
    "a child's mistake": ["refresh", "duo_v1", "--registry", "nowhere", "--json"],
}


OURS_INSTALLED = ",".join(sorted(point.name for point in entry_points(group="tinyai_registry")))


@pytest.fixture
def hostile(tmp_path, write_table, frame) -> Path:
    """A registry and a table in a folder; ``plant`` fills it."""
    folder = tmp_path / "hostile"
    init(folder / "registry")
    frame.to_parquet(folder / "table.parquet")
    (folder / "tinyai.toml").write_text('[registry]\npath = "registry"\n[tables]\nstand-in = "table.parquet"\n')
    return folder


def plant(folder: Path, names: tuple[str, ...], note: Path) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(PWNED.format(note=str(note)))
    info = folder / "evil-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[tinyai_registry]\nevil = evil_plugin\n")
    (folder / "evil_plugin.py").write_text(PWNED.format(note=str(note)))


def run(program: list[str], words: list[str], folder: Path, site: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"},
        "PYTHONPATH": str(site),
        "TINYAI_BLOCK_PLUGINS": OURS_INSTALLED,
    }
    return subprocess.run([*program, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("program", "names"), STARTS.values(), ids=STARTS)
@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_nothing_that_lies_in_the_working_directory_is_imported(hostile, duo, tmp_path, program, names, words):
    plant(hostile, names, tmp_path / "pwned")
    ran = run(program, words, hostile, duo)
    assert not (tmp_path / "pwned").exists(), (tmp_path / "pwned").read_text()
    assert ran.returncode == (2 if "nowhere" in words else 0), ran
    assert "evil" not in ran.stdout
    if words[:2] == ["refresh", "--all"]:
        assert [each["status"] for each in json.loads(ran.stdout)["models"]] == ["published"]


def test_what_is_planted_is_imported_where_python_looks_into_the_working_directory(hostile, tmp_path, duo):
    """Or else the tests above would hold whatever we do."""
    plant(hostile, (*MODULES, *OTHERS, *OURS), tmp_path / "pwned")
    run([sys.executable, "-c", "import json, tinyai_registry"], [], hostile, duo)
    assert (tmp_path / "pwned").exists()


def test_another_program_that_is_started_as_a_module_keeps_its_working_directory(tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "__init__.py").write_text("import tinyai_registry\n")
    (tmp_path / "theirs" / "__main__.py").write_text("import beside\nprint(beside.WORD)\n")
    (tmp_path / "beside.py").write_text("WORD = 'found'\n")
    for words in (["theirs"], ["theirs", "tinyai_registry"]):
        ran = run([sys.executable, "-m"], words, tmp_path, tmp_path / "none")
        assert ran.stdout == "found\n", ran.stderr


@pytest.mark.parametrize(("program", "names"), STARTS.values(), ids=STARTS)
def test_the_processes_that_load_models_import_nothing_from_it_either(hostile, duo, tinyai, tmp_path, program, names):
    words = ("--table", hostile / "table.parquet", "--registry", hostile / "registry")
    assert tinyai("refresh", "duo_v1", *words).code == 0
    plant(hostile, names, tmp_path / "pwned")
    ran = run(program, ["validate", "registry", "--load", "--json"], hostile, duo)
    assert not (tmp_path / "pwned").exists(), (tmp_path / "pwned").read_text()
    assert ran.returncode == 0, ran
    assert json.loads(ran.stdout)["summary"]["errors"] == 0
