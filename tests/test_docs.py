"""What the pages say is so: the tutorial runs as it stands, the reference has every signature, the examples run."""

from __future__ import annotations

import doctest
import inspect
import os
import re
import shlex
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import get_args

import click
import pandas as pd
import pytest

import tinyai_registry
from tinyai_registry import load
from tinyai_registry.cli.app import main
from tinyai_registry.documents.schema import announceable
from tinyai_registry.plugins import hookspecs
from tinyai_registry.plugins.discovery import HOOKS
from tinyai_registry.recipe import Derived, Input, Where

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
NAMED_BLOCK = re.compile(r"^`([\w.]+)`[^\n]*:\n\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)
CONSOLE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


def files() -> dict[str, str]:
    """The tutorial's files; blocks of one name follow each other."""
    blocks = defaultdict(list)
    for name, text in NAMED_BLOCK.findall(PAGE):
        blocks[name].append(text)
    return {name: "\n\n".join(texts) for name, texts in blocks.items()}


def commands() -> list[str]:
    lines = "".join(CONSOLE.findall(PAGE)).splitlines()
    assert all(line.startswith("$ ") for line in lines)
    return [line[2:] for line in lines]


# --- the tutorial


def contents(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*")}


@pytest.mark.skipif(os.name == "nt", reason="the page's commands are for a shell")
def test_the_tutorial_works_as_it_stands_and_leaves_nothing_but_its_release(stranger, tmp_path):
    folder = tmp_path / "tutorial"
    folder.mkdir()
    for name, text in files().items():
        (folder / name).write_text(text, encoding="utf-8")
    before = contents(tmp_path / "venv")
    for command in commands():
        ran = subprocess.run(
            ["sh", "-c", command], cwd=folder, env=stranger, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, f"{command}\n{ran.stdout}\n{ran.stderr}"
        if command == "tinyai plugins":
            assert "bend  active  (tinyai-bend 1.0.0)\n  models  bend_v1\n" in ran.stdout
    assert contents(tmp_path / "venv") == before
    release = {
        ".gitattributes",
        "bend_v1.onnx",
        "bend_v1.json",
        "bend_v1.md",
        "bend_v1.intoto.json",
        "bend_v1.svg",
        "registry.json",
    }
    assert {path.name for path in (folder / "registry").iterdir() if path.is_file()} == release


def test_the_tutorials_plugin_is_under_sixty_lines():
    assert len([line for line in files()["tinyai_bend.py"].splitlines() if line.strip()]) < 60


# --- the reference


@pytest.mark.parametrize("hook", HOOKS)
def test_the_reference_has_the_exact_signature_of(hook):
    signature = str(inspect.signature(getattr(hookspecs, hook))).replace("'", "")
    assert f"```python\n{hook}{signature}\n```" in PAGE


def test_the_reference_has_no_hook_that_there_is_not():
    assert set(re.findall(r"^```python\n(tinyai_\w+)\(", PAGE, re.MULTILINE)) == set(HOOKS)


def test_the_page_names_every_fixture_of_the_kit():
    from tinyai_registry.testing import fixtures

    offered = [name for name, value in vars(fixtures).items() if type(value).__name__ == "FixtureFunctionDefinition"]
    assert offered
    assert all(f"| `{name}` |" in PAGE for name in offered)


@pytest.mark.parametrize("hook", HOOKS)
def test_the_example_of_the_docstring_runs(hook):
    [example] = doctest.DocTestFinder(recurse=False).find(getattr(hookspecs, hook), hook)
    assert example.examples
    assert doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example).failed == 0


# --- how a model is judged


@pytest.mark.parametrize("page", ["gate.md", "inputs.md", "api.md"])
def test_the_examples_of_the_page_run(page):
    ran = doctest.testfile(str(ROOT / "docs" / page), module_relative=False)
    assert ran.attempted > 0
    assert ran.failed == 0


def test_the_page_on_inputs_names_every_noun_and_every_key_of_a_sidecar():
    page = (ROOT / "docs" / "inputs.md").read_text(encoding="utf-8")
    nouns = {noun.__name__ for noun in (Input, Where, *get_args(Derived))}
    assert [name for name in sorted(nouns) if f"{name}(" not in page] == []
    keys = {key.removesuffix("_version").rpartition("_norm")[0] or key for key in announceable()}
    stems = {key for key in keys if not key.endswith(("_value", "_min", "_max", "_version"))}
    assert [key for key in sorted(stems) if f"`{key}`" not in page] == []


# --- what a model says


def test_the_python_of_the_page_on_scores_prints_what_stands_under_it(monkeypatch, capsys):
    page = (ROOT / "docs" / "score.md").read_text(encoding="utf-8")
    code, printed = re.search(r"^```python\n(.*?)^```\n\n```\n(.*?)^```", page, re.MULTILINE | re.DOTALL).groups()
    monkeypatch.chdir(ROOT / "examples")
    exec(compile(code, "score.md", "exec"), {})
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize("page", ["score.md"])
def test_the_commands_of_the_page_run(tinyai, monkeypatch, page):
    monkeypatch.chdir(ROOT / "examples")
    blocks = CONSOLE.findall((ROOT / "docs" / page).read_text(encoding="utf-8"))
    assert blocks
    for line in "".join(blocks).splitlines():
        assert tinyai(*line.removeprefix("$ tinyai ").split()).code == 0


# --- every page


FENCED = re.compile(r"^```(?:console|sh)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]


def calls() -> list[tuple[str, str]]:
    """Each line of a block that calls ``tinyai``, with its page."""
    blocks = [(page.name, block) for page in PAGES for block in FENCED.findall(page.read_text(encoding="utf-8"))]
    lines = [(page, line.removeprefix("$ ")) for page, block in blocks for line in block.splitlines()]
    return [(page, line) for page, line in lines if line.startswith("tinyai ")]


@pytest.mark.parametrize(("page", "line"), calls())
def test_every_call_on_a_page_is_one_that_is_understood(page, line):
    words = [word for word in shlex.split(line, comments=True) if word != "…"][1:]
    context = main.make_context("tinyai", words[: words.index("|")] if "|" in words else words)
    while isinstance(context.command, click.Group):
        rest = [*context._protected_args, *context.args]
        name, command, rest = context.command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context, resilient_parsing="…" in line)


# --- start in five minutes, and the reference of Python


def steps(text: str) -> list[tuple[str, str]]:
    """Each command of the page's console blocks, and what stands below it."""
    said = re.split(r"(?m)^\$ (.*)\n", "".join(CONSOLE.findall(text)))
    return list(zip(said[1::2], said[2::2], strict=True))


def follow(page: str, tinyai) -> None:
    """Run the commands of ``page`` in the working directory; what they print is what stands below them."""
    same = doctest.OutputChecker().check_output
    for command, printed in steps((ROOT / "docs" / page).read_text(encoding="utf-8")):
        done = tinyai(*shlex.split(command.removeprefix("tinyai ")))
        assert done.code == 0, f"{command}\n{done.err}"
        given = done.err + done.out
        assert same(printed, given, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE), f"$ {command}\n{given}"


def test_the_first_five_minutes_go_as_the_page_says(tinyai, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(shutil.copytree(ROOT / "examples", tmp_path / "mine"))
    follow("start.md", tinyai)


def test_one_begins_in_an_empty_folder_as_the_page_says(tinyai, tmp_path, monkeypatch):
    """Its model is the example's, without what the registry knows of it."""
    for name, source in {
        "model.onnx": "registry/fr_regressor_v1.onnx",
        "scaler.json": "registry/fr_regressor_v1.json",
        "features.parquet": "tables/vmaf_features_b.parquet",
    }.items():
        shutil.copyfile(ROOT / "examples" / source, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    follow("begin.md", tinyai)
    frame = pd.read_parquet("features.parquet").sample(frac=0.1, random_state=0)
    known = load("fr_regressor_v1", ROOT / "examples" / "registry")
    assert load("my_v1").predict(frame).tolist() == known.predict(frame).tolist()
    assert tinyai("validate").code == 0


def test_the_page_on_python_has_every_name_that_is_public_and_no_other():
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"(?m)^::: tinyai_registry\.(\w+)$", page)) == sorted(tinyai_registry.__all__)
