"""The light commands work where nothing heavy is installed, and load nothing heavy where it is."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("torch", "pandas", "scipy", "pyarrow", "onnxruntime", "onnxsim", "orjson", "distributed")
MIDDLING = ("onnx", "numpy", "jsonschema")

RUN = """
import importlib.abc, json, sys

class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCK:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

BLOCK, *sys.argv[1:] = json.loads(sys.argv[1]), *sys.argv[2:]
sys.meta_path.insert(0, Blocked())
from tinyai_registry.cli.app import main
try:
    main(prog_name="tinyai")
finally:
    print("LOADED", *sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""

ROW = {"id": "old_v1", "kind": "fr", "onnx": "old.onnx", "sha256": "0" * 64}
COMMANDS = {
    "--help": ["--help"],
    "list": ["list", "--registry", "registry"],
    "list --json": ["list", "--registry", "registry", "--json"],
    "status": ["status", "--registry", "registry"],
    "status --json": ["status", "--registry", "registry", "--json"],
    "show": ["show", "old_v1", "--registry", "registry"],
    "init": ["init", "fresh"],
    "explain": ["explain", "TAI203"],
    "plugins": ["plugins"],
    "new-plugin": ["new-plugin", "sharp_eye"],
    "validate": ["validate", "registry"],
    "validate --json": ["validate", "registry", "--json"],
    "migrate": ["migrate", "--registry", "registry"],
    "migrate --dry-run": ["migrate", "--registry", "registry", "--dry-run"],
    "schema": ["schema"],
    "schema sidecar": ["schema", "sidecar"],
    "bom": ["bom", "--registry", "registry"],
    "sign --help": ["sign", "--help"],
    "verify --help": ["verify", "--help"],
    "refresh --help": ["refresh", "--help"],
    "evaluate --help": ["evaluate", "--help"],
    "table --help": ["table", "--help"],
    "table build --help": ["table", "build", "--help"],
    "table check --help": ["table", "check", "--help"],
}
LIGHTEST = ("--help", "list", "list --json", "new-plugin")


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "registry"
    folder.mkdir()
    (folder / "registry.json").write_text(json.dumps({"models": [ROW], "schema_version": 1}))
    return tmp_path


@pytest.fixture
def run(project):
    """Runs ``tinyai`` in another process where ``block`` cannot be imported; returns it and what it loaded."""

    def start(words: list[str], block: tuple[str, ...] = ()):
        done = subprocess.run(
            [sys.executable, "-c", RUN, json.dumps(block), *words],
            cwd=project,
            capture_output=True,
            text=True,
            check=False,
        )
        said, _, loaded = done.stderr.rpartition("LOADED ")
        return done.returncode, done.stdout, said, set(loaded.split())

    return start


def expected_code(name: str) -> int:
    return 1 if name.startswith(("validate", "migrate")) else 0  # the one model has no file


@pytest.mark.parametrize("name", [name for name in COMMANDS if "--help" not in name or name == "--help"])
def test_a_light_command_loads_nothing_heavy(run, name):
    code, _, said, loaded = run(COMMANDS[name])
    assert code == expected_code(name), said
    assert loaded & set(HEAVY) == set()
    if name in LIGHTEST:
        assert loaded & set(MIDDLING) == set()


def test_help_loads_no_check():
    code = "import sys, tinyai_registry.cli.app; print(*(m for m in sys.modules if m.startswith('tinyai_registry.')))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "tinyai_registry.cli.app" in loaded
    assert "tinyai_registry.checks.catalogue" not in loaded


@pytest.mark.parametrize("name", COMMANDS)
def test_a_light_command_works_where_the_heavy_ones_are_not_installed(run, name):
    code, out, said, _ = run(COMMANDS[name], HEAVY + (MIDDLING if name in LIGHTEST else ()))
    assert code == expected_code(name), said
    assert out
    assert "Traceback" not in said


def test_the_first_plugin_is_found_and_active_where_the_heavy_ones_are_not_installed(run):
    pytest.importorskip("tinyai_fr_regressor")
    _, out, _, _ = run(["plugins", "--json"], HEAVY)
    [plugin] = [plugin for plugin in json.loads(out)["plugins"] if plugin["name"] == "fr_regressor"]
    assert plugin["status"] == "active"
    assert "fr_regressor_v1" in plugin["models"]


def test_a_release_that_is_up_to_date_is_found_so_without_the_lab(run, tinyai, duo, project, tinyai_table, monkeypatch):
    pytest.importorskip("torch")
    words = ["refresh", "duo_v1", "--table", str(tinyai_table), "--registry", "fresh"]
    monkeypatch.chdir(project)
    monkeypatch.setenv("PYTHONPATH", str(duo))
    tinyai("init", "fresh")
    assert tinyai(*words).code == 0
    code, _, said, loaded = run(words)
    assert (code, loaded & set(HEAVY)) == (0, set())
    told = "duo_v1 is up to date: same recipe, table and plugin, and every file as published."
    assert " ".join(said.split()).endswith(told)
    assert "previous" not in said
    assert "caveat" not in said
    code, _, said, _ = run([*words, "--json"], HEAVY)
    assert code == 0, said


def test_a_refresh_that_needs_the_lab_says_in_one_line_what_to_install(run, duo, project, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(duo))
    (project / "registry" / "registry.json").write_text('{"models": [], "schema_version": 1}')
    (project / "table.parquet").touch()
    code, _, said, _ = run(["refresh", "duo_v1", "--table", "table.parquet", "--registry", "registry"], HEAVY)
    assert code == 2, said
    assert said.splitlines()[-1].endswith("pip install 'tinyai-registry[lab]'")
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "words",
    [
        ["evaluate", "old_v1", "--table", "t.parquet"],
        ["validate", "registry", "--load"],
        ["score", "old_v1", "t.csv"],
        ["reproduce", "old_v1", "--registry", "registry"],
    ],
    ids=" ".join,
)
def test_a_heavy_command_says_in_one_line_what_to_install(run, words):
    code, _, said, _ = run(words, HEAVY)
    assert code == 2, said
    [line] = said.splitlines()
    assert "tinyai-registry[lab]" in line


@pytest.mark.parametrize(
    ("words", "lacking", "extra"),
    [
        (["table", "build", "--manifest", "m.csv", "-o", "t.parquet"], HEAVY, "tables"),
        (["table", "check", "duo_v1", "--table", "t.parquet"], HEAVY, "tables"),
        (["table", "diff", "a.parquet", "b.parquet"], HEAVY, "tables"),
        (["table", "combine", "a.parquet", "-o", "t.parquet"], HEAVY, "tables"),
        (["site", "-o", "pages", "--registry", "registry"], ("jinja2",), "site"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else None,
)
def test_a_command_of_a_wing_names_the_extra_of_that_wing(run, duo, project, monkeypatch, words, lacking, extra):
    monkeypatch.setenv("PYTHONPATH", str(duo))
    for name in ("m.csv", "t.parquet", "a.parquet", "b.parquet"):
        (project / name).touch()
    code, _, said, _ = run(words, lacking)
    assert code == 2, said
    [line] = said.splitlines()
    assert line.endswith(f"pip install 'tinyai-registry[{extra}]'")


@pytest.mark.parametrize("name", ["load", "LoadedModel", "Table"])
def test_in_python_too_an_error_says_in_one_sentence_what_to_install(name):
    ask = RUN.partition("from tinyai_registry")[0] + (
        "import tinyai_registry\n"
        "try:\n"
        "    getattr(tinyai_registry, sys.argv[1])\n"
        "except tinyai_registry.TinyaiError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", ask, json.dumps(HEAVY), name], capture_output=True, text=True, check=True
    )
    [line] = done.stdout.splitlines()
    assert line.startswith("this needs ")
    assert line.endswith("pip install 'tinyai-registry[lab]'")


def test_signing_says_in_one_line_what_to_install(run, project):
    """Cryptography is an extra of its own; what is light does not load it."""
    import victim

    root = victim.build_logged(project / "signed")
    (project / "key.pem").write_text("a key")
    words = ["sign", "fr_regressor_v1", "--key", "key.pem", "--registry", str(root)]
    code, _, said, _ = run(words, (*HEAVY, "model_signing", "cryptography", "sigstore"))
    assert code == 2, said
    [line] = said.splitlines()
    assert line.endswith("pip install 'tinyai-registry[sign]'")
