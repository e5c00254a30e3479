"""Help that helps: an example under every command, in eighty columns, and a shell that completes names of models."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys

import click
import pytest

from tinyai_registry.cli.app import COMMANDS, main
from tinyai_registry.cli.commands.completion import SHELLS
from tinyai_registry.cli.examples import EXAMPLES


def leaves(command: click.Command, name: str):
    """The commands that do something, each by the words that lead to it."""
    if not isinstance(command, click.Group):
        yield name, command
        return
    for below in command.commands.values():
        yield from leaves(below, f"{name} {below.name}")


def find(name: str) -> click.Command:
    found = main.get_command(click.Context(main), name)
    assert found is not None
    return found


LEAVES = [name for each in COMMANDS for name, _ in leaves(find(each), each)]


def words_of(example: str) -> list[str]:
    """The words behind ``tinyai`` in a line for a shell."""
    inside = example.partition("$(")[2].partition(")")[0] or example
    words = shlex.split(inside.partition(" | ")[0].partition(" > ")[0])
    return words[words.index("tinyai") + 1 :]


@pytest.mark.parametrize("name", LEAVES)
def test_the_help_of_every_command_has_an_example_and_fits_into_eighty_columns(tinyai, name):
    ran = tinyai(*name.split(), "--help")
    assert ran.code == 0
    assert f"tinyai {name}" in ran.out.partition("\n  Example")[2]
    assert max(map(len, ran.out.splitlines())) <= 80


@pytest.mark.parametrize("words", [(), ("table",)])
def test_the_help_of_a_group_has_examples_of_what_is_in_it(tinyai, words):
    ran = tinyai(*words, "--help")
    examples = ran.out.partition("\n  Examples:\n")[2].splitlines()
    assert len(examples) > 2
    assert {tuple(example.split()[: len(words) + 1]) for example in examples} == {("tinyai", *words)}
    for example in examples:
        assert main.make_context("tinyai", words_of(example))
    assert max(map(len, ran.out.splitlines())) <= 80


def test_there_is_no_example_of_a_command_that_there_is_not():
    assert set(EXAMPLES) == set(LEAVES)


@pytest.mark.parametrize(("name", "example"), [(name, each) for name, lines in EXAMPLES.items() for each in lines])
def test_every_example_is_a_call_that_is_understood(name, example):
    words = words_of(example)
    path = name.split()
    assert words[: len(path)] == path
    command = find(path[0])
    for below in path[1:]:
        command = command.commands[below]
    assert command.make_context(path[-1], words[len(path) :])


# --- completion


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_gets_its_script(tinyai, shell):
    ran = tinyai("completion", shell)
    assert (ran.code, "_TINYAI_COMPLETE" in ran.out) == (0, True)
    assert tinyai("completion", shell, "--json").json == {"shell": shell, "script": ran.out}
    if shutil.which(shell):
        assert subprocess.run([shell, "-n"], input=ran.out, text=True, check=True, capture_output=True).stderr == ""


def test_a_shell_that_is_none_of_them_is_refused(tinyai):
    ran = tinyai("completion", "tcsh")
    assert ran.code == 2
    assert "'bash', 'zsh', 'fish'" in ran.err


@pytest.fixture
def complete(monkeypatch, capsys):
    """What is offered for the last of the words."""

    def ask(*words: str) -> list[str]:
        monkeypatch.setenv("_TINYAI_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_WORDS", " ".join(("tinyai", *words)))
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        with pytest.raises(SystemExit):
            main([], "tinyai")
        return [line.partition(",")[2] for line in capsys.readouterr().out.splitlines() if line]

    return ask


@pytest.fixture
def registered(registry, tmp_path, monkeypatch):
    rows = [{"id": name, "onnx": "x.onnx"} for name in ("fr_a_v1", "fr_b_v1", "nr_v1", "a\x1b[2J")]
    (registry / "registry.json").write_text(json.dumps({"models": [*rows, {"id": 3}], "schema_version": 1}))
    (tmp_path / "tinyai.toml").write_text('[registry]\npath = "registry"\n')
    monkeypatch.chdir(tmp_path)
    return registry


def test_commands_are_completed_without_importing_one(complete, monkeypatch):
    monkeypatch.delitem(sys.modules, "tinyai_registry.cli.commands.score", raising=False)
    assert {"score", "schema", "show", "status"} <= set(complete("s"))
    assert "tinyai_registry.cli.commands.score" not in sys.modules


@pytest.mark.parametrize("command", ["show", "log", "score", "diff", "rollback", "migrate"])
def test_registered_models_are_completed(complete, registered, command):
    assert complete(command, "fr_") == ["fr_a_v1", "fr_b_v1"]
    assert complete(command, "") == ["fr_a_v1", "fr_b_v1", "nr_v1"]
    assert complete(command, "--registry", str(registered), "n") == ["nr_v1"]


@pytest.mark.parametrize("command", ["refresh", "evaluate", "table check"])
def test_declared_models_are_completed(complete, registered, duo, command):
    assert complete(*command.split(), "du") == ["duo_v1"]


def test_where_there_is_no_registry_nothing_is_offered(complete, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert complete("show", "") == []
    (tmp_path / "tinyai.toml").write_text("registry = ")
    assert complete("show", "") == []


def test_options_are_completed(complete):
    assert complete("status", "--c") == ["--check"]
