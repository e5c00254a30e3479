"""What every command has in common: help, exit codes, errors in one line, one JSON document."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import click
import pytest

from tinyai_registry.cli.answer import Answer
from tinyai_registry.cli.app import COMMANDS, SECTIONS, main
from tinyai_registry.cli.judging import Display
from tinyai_registry.evaluation import Fold, Metrics
from tinyai_registry.store.registry import Registry

READ_A_REGISTRY = ("refresh", "validate", "status", "list", "show", "init")


def command(name: str) -> click.Command:
    found = main.get_command(click.Context(main), name)
    assert found is not None
    return found


# --- help


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_of_commands_says_what_each_says_of_itself(name):
    assert command(name).get_short_help_str(limit=1000) == COMMANDS[name]


def test_help_names_every_command_under_what_it_is_for(tinyai):
    ran = tinyai("--help")
    assert [heading for heading in SECTIONS if f"\n{heading}:\n" in ran.out] == list(SECTIONS)
    assert re.findall(r"^  (\w[\w-]*)  ", ran.out, re.MULTILINE) == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_takes_json(name):
    found = command(name)
    for each in found.commands.values() if isinstance(found, click.Group) else [found]:
        assert "--json" in {option for parameter in each.params for option in parameter.opts}


@pytest.mark.parametrize("name", READ_A_REGISTRY)
def test_every_command_that_reads_a_registry_takes_it_as_an_option(name):
    assert "--registry" in {option for parameter in command(name).params for option in parameter.opts}


def test_there_is_no_option_that_lowers_a_threshold():
    judging = ("refresh", "evaluate")
    options = {option for name in judging for parameter in command(name).params for option in parameter.opts}
    assert options == {
        *("--table", "--registry", "--metrics-out", "--reason", "--note", "--dry-run", "--force", "--json"),
        *("--all", "--protocol", "--lock-timeout", "--comment", "--new", "--predictions"),
        *("--jobs", "--engine", "--scheduler"),
        "model",
    }


# --- a user's mistake is one sentence

TABLE = ("--table", "{table}")
REGISTRY = ("--registry", "{registry}")
REFRESH = ("refresh", "duo_v1", *TABLE, *REGISTRY)
MISTAKES = {
    "no registry named": (("list",), "which registry?"),
    "no registry there": (("list", "--registry", "{tmp}/nowhere"), "nowhere has no registry.json"),
    "a file for a registry": (("list", "--registry", "{table}"), "has no registry.json"),
    "an unknown schema": (("schema", "card"), "there is no schema 'card'; there are: registry, row, sidecar"),
    "unknown model migrated": (("migrate", "nope_v1", *REGISTRY), "has no model 'nope_v1'"),
    "not a registry": (("list", "--registry", "{tmp}/array"), "a list called models"),
    "not JSON": (("show", "duo_v1", "--registry", "{tmp}/broken"), "registry.json:1:1"),
    "the index is a folder": (("list", "--registry", "{tmp}/folder"), "registry.json"),
    "unknown model shown": (("show", "nope_v1", *REGISTRY), "has no model 'nope_v1'"),
    "history of an unknown model": (
        ("log", "nope_v1", *REGISTRY),
        "has no history of 'nope_v1'; the log is empty",
    ),
    "unknown code": (("validate", "{registry}", "--ignore", "TAI9x"), "no check has the code"),
    "the index is a pipe": (("list", "--registry", "{tmp}/pipe"), "registry.json: is not a regular file"),
    "a file where the store belongs": (("prune", "--registry", "{tmp}/odd"), "pending"),
    "unknown model refreshed": (("refresh", "nope_v1", *TABLE, *REGISTRY), "declares the model 'nope_v1'"),
    "unknown model evaluated": (("evaluate", "nope_v1", *TABLE), "declares the model 'nope_v1'"),
    "no table named": (
        ("refresh", "duo_v1", *REGISTRY),
        "Give --table FILE, or name it in tinyai.toml: [tables] stand-in",
    ),
    "no table named to evaluate": (("evaluate", "duo_v1"), "which table?"),
    "no such table": (("evaluate", "duo_v1", "--table", "{tmp}/no.parquet"), "no.parquet"),
    "a folder for a table": (("evaluate", "duo_v1", "--table", "{tmp}"), "cannot read the table"),
    "no parquet": (("evaluate", "duo_v1", "--table", "{registry}/registry.json"), "is no readable parquet file"),
    "no registry to refresh in": (
        ("refresh", "duo_v1", *TABLE, "--registry", "{tmp}/nowhere"),
        "nowhere has no registry.json",
    ),
    "metrics into no folder": ((*REFRESH, "--metrics-out", "{tmp}/no/m.json"), "no/m.json"),
    "metrics into a folder's place": ((*REFRESH, "--metrics-out", "{tmp}"), "cannot write"),
    "note into no folder": ((*REFRESH, "--note", "{tmp}/no/n.md"), "no/n.md"),
    "init over a registry": (("init", "{registry}"), "exists already; nothing was changed"),
    "init over a file": (("init", "{table}"), "folder"),
    "init over registry.json": (("init", "{registry}/registry.json"), "exists already; nothing was changed"),
    "init nowhere": (("init",), "tinyai init DIR"),
}


@pytest.fixture
def places(duo, registry, frame, write_table, tmp_path, monkeypatch):
    for name, content in {"array": "[]", "broken": "models"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "registry.json").write_text(content)
    (tmp_path / "folder" / "registry.json").mkdir(parents=True)
    (tmp_path / "pipe").mkdir()
    os.mkfifo(tmp_path / "pipe" / "registry.json")
    (tmp_path / "odd" / ".tinyai" / "log" / "x").mkdir(parents=True)
    (tmp_path / "odd" / ".tinyai" / "pending").touch()
    (tmp_path / "odd" / "registry.json").write_text('{"models": [], "schema_version": 1}')
    monkeypatch.chdir(tmp_path)
    return {"tmp": tmp_path, "registry": registry, "table": write_table(frame)}


@pytest.mark.parametrize(("words", "told"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_exits_2_with_one_line_and_changes_nothing(tinyai, places, digests, words, told):
    before = digests(places["registry"])
    ran = tinyai(*(word.format(**places) for word in words))
    assert (ran.code, ran.out) == (2, "")
    *steps, line = ran.err.splitlines()
    assert all(step.endswith(" …") for step in steps)
    assert line.startswith("tinyai: ")
    assert told in line
    assert digests(places["registry"]) == before


@pytest.mark.parametrize(("words", "told"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_json_document_where_that_was_asked_for(tinyai, places, words, told):
    ran = tinyai(*(word.format(**places) for word in words), "--json")
    assert ran.code == 2
    assert list(ran.json) == ["error"]
    assert set(ran.json["error"]) == {"type", "message", "exit_code"}
    assert ran.json["error"]["exit_code"] == 2
    assert told in ran.json["error"]["message"]


def test_what_a_registry_says_does_nothing_to_a_terminal(tinyai, tmp_path):
    rows = [{"id": "a\x1b[2J", "kind": "\u202e"}]
    (tmp_path / "registry.json").write_text(json.dumps({"models": rows, "schema_version": 1}))
    assert tinyai("list", "--registry", tmp_path).out.replace("\n", "").isprintable()
    assert tinyai("show", "b", "--registry", tmp_path).err.strip().isprintable()


def test_a_mistake_shows_its_traceback_only_with_debug(tinyai):
    words = ("list", "--registry", "nowhere")
    assert "Traceback" not in tinyai(*words).err
    ran = tinyai("--debug", *words)
    assert ran.code == 2
    assert "Traceback" in ran.err
    assert ran.err.splitlines()[-1].startswith("tinyai: nowhere has no registry.json")


WRONG_USAGE = {
    "no such command": (("lst",), "there is no command 'lst'; did you mean 'list'?"),
    "no such command, and none is like it": (("nonsense",), "there is no command 'nonsense'"),
    "no such option": (("list", "--registri", "x"), "--registri"),
    "no such option of all": (("--nonsense", "list"), "--nonsense"),
    "an option without its value": (("list", "--registry"), "--registry"),
    "no model": (("show",), "Missing argument 'MODEL'"),
    "a word too many": (("list", "one"), "one"),
    "no such format": (("validate", "--format", "pdf"), "pdf"),
    "a number that is none": (("prune", "--lock-timeout", "soon"), "soon"),
    "a number out of its range": (("refresh", "--all", "--jobs", "0"), "--jobs"),
}


@pytest.mark.parametrize(("words", "told"), WRONG_USAGE.values(), ids=WRONG_USAGE)
def test_wrong_usage_exits_2(tinyai, words, told):
    ran = tinyai(*words)
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err


@pytest.mark.parametrize(("words", "told"), WRONG_USAGE.values(), ids=WRONG_USAGE)
def test_wrong_usage_is_one_json_document_where_that_was_asked_for(tinyai, words, told):
    first, *rest = words
    ran = tinyai(first, "--json", *rest)
    assert ran.code == 2
    assert set(ran.json["error"]) == {"type", "message", "exit_code"}
    assert ran.json["error"]["exit_code"] == 2
    assert told in ran.json["error"]["message"] or first == "--nonsense"
    assert told in ran.err or first == "--nonsense"


def test_a_word_after_two_dashes_is_no_option(tinyai):
    ran = tinyai("list", "--", "--json")
    assert (ran.code, ran.out) == (2, "")


NEAR_MISSES = {
    "refreshed": (("refresh", "duo", *TABLE, *REGISTRY), "; did you mean 'duo_v1'?"),
    "evaluated": (("evaluate", "duo_v2", *TABLE), "; did you mean 'duo_v1'?"),
    "shown": (("show", "duo_v", *REGISTRY), "; did you mean 'duo_v1'?"),
    "migrated": (("migrate", "du_v1", *REGISTRY), "; did you mean 'duo_v1'?"),
    "rolled back": (("rollback", "Duo_v1", *REGISTRY), "; did you mean 'duo_v1'?"),
    "its history": (("log", "duo-v1", *REGISTRY), "; did you mean 'duo_v1'?"),
    "a schema": (("schema", "sidcar"), "; did you mean 'sidecar'?"),
}


@pytest.mark.parametrize(("words", "told"), NEAR_MISSES.values(), ids=NEAR_MISSES)
def test_a_name_that_is_nearly_right_is_met_with_the_right_one(tinyai, refresh, places, words, told):
    refresh(places["table"])
    ran = tinyai(*(word.format(**places) for word in words))
    assert ran.code == 2
    assert told in ran.err


@pytest.mark.parametrize(
    "words",
    [("validate",), ("recover",), ("status", "--registry"), ("list", "--registry"), ("log", "--registry")],
    ids=" ".join,
)
def test_registry_json_stands_for_its_folder(tinyai, registry, words):
    assert tinyai(*words, registry / "registry.json").code == 0
    assert tinyai(*words, registry / "registry.json").out == tinyai(*words, registry).out


def test_registry_json_stands_for_its_folder_in_the_configuration(tinyai, registry, monkeypatch):
    (registry.parent / "tinyai.toml").write_text('[registry]\npath = "registry/registry.json"\n')
    monkeypatch.chdir(registry.parent)
    assert tinyai("list").code == 0


def test_a_folder_called_registry_json_is_a_folder(tinyai, tmp_path):
    folder = tmp_path / "registry.json"
    (folder / "registry.json").parent.mkdir()
    (folder / "registry.json").write_text('{"models": [], "schema_version": 1}')
    assert tinyai("list", "--registry", folder).code == 0
    assert tinyai("list", "--registry", folder / "registry.json").code == 0


def test_the_registry_json_that_is_not_there_is_missed_in_its_folder(tinyai, tmp_path):
    assert f"{tmp_path} has no registry.json" in tinyai("list", "--registry", tmp_path / "registry.json").err


@pytest.mark.parametrize(
    ("umask", "file", "folder"), [(0o077, 0o600, 0o700), (0o022, 0o644, 0o755), (0o002, 0o664, 0o775)]
)
def test_files_and_folders_are_created_under_the_umask(tinyai, refresh, places, tmp_path, umask, file, folder):
    before = os.umask(umask)
    try:
        assert tinyai("init", tmp_path / "new", "--ci").code == 0
        assert tinyai("new-plugin", "sharp", "--into", tmp_path / "new").code == 0
        metrics, note = tmp_path / "new" / "m.json", tmp_path / "new" / "n.md"
        words = ("--table", places["table"], "--registry", tmp_path / "new")
        assert tinyai("refresh", "duo_v1", *words, "--metrics-out", metrics, "--note", note).code == 0
    finally:
        os.umask(before)
    made = [path for path in (tmp_path / "new").rglob("*") if path.name != "lock"]
    assert {oct(path.stat().st_mode & 0o777) for path in made if path.is_file()} == {oct(file)}
    assert {oct(path.stat().st_mode & 0o777) for path in made if path.is_dir()} == {oct(folder)}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full disk to write to")
@pytest.mark.parametrize("option", ["--note", "--metrics-out"])
def test_a_file_that_cannot_be_written_after_all_is_one_line_too(tinyai, places, option):
    ran = tinyai(*(word.format(**places) for word in REFRESH), option, "/dev/full", "--json")
    assert ran.code == 2
    assert "cannot write /dev/full" in ran.json["error"]["message"]


# --- tinyai.toml


def test_a_configured_project_needs_no_options_wherever_in_it_one_stands(tinyai, places, tmp_path, monkeypatch):
    (tmp_path / "tinyai.toml").write_text('[registry]\npath = "registry"\n[tables]\nstand-in = "table.parquet"\n')
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert tinyai("refresh", "duo_v1", "--json").json["status"] == "published"
    assert [model["id"] for model in tinyai("list", "--json").json["models"]] == ["duo_v1"]
    assert tinyai("evaluate", "duo_v1").code == 0
    assert tinyai("show", "duo_v1").out.startswith("# Duo\n")
    assert tinyai("validate").code == 0


def test_the_nearest_configuration_counts_and_an_option_overrules_it(tinyai, places, tmp_path, monkeypatch):
    (tmp_path / "tinyai.toml").write_text('[registry]\npath = "registry"\n')
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "tinyai.toml").write_text('[registry]\npath = "other"\n')
    monkeypatch.chdir(inner)
    for words in (("list",), ("validate",), ("recover",), ("refresh", "duo_v1", "--table", "../table.parquet")):
        told = tinyai(*words).err
        assert f"{inner / 'other'} has no registry.json" in told
        assert f"({inner / 'tinyai.toml'} names it)" in told
    assert "names it" not in tinyai("list", "--registry", "other").err
    assert tinyai("list", "--registry", "../registry").code == 0


BAD_CONFIGURATIONS = {
    "no TOML": "registry = ",
    "not UTF-8": b"\xff",
    "unknown section": "[registri]\npath = 'x'",
    "unknown setting": "[registry]\nfolder = 'x'",
    "no section": "registry = 'x'",
    "an unknown runtime": "[registry]\nruntime = 'x'",
    "a path that is a number": "[registry]\npath = 5",
    "a table that is a list": "[tables]\nx = ['a']",
    "a policy that is a string": "[policy]\nplugins = 'house'",
    "a policy of numbers": "[policy]\nplugins = [1]",
}


@pytest.mark.parametrize("content", BAD_CONFIGURATIONS.values(), ids=BAD_CONFIGURATIONS)
def test_a_bad_configuration_is_one_line_that_names_the_file(tinyai, tmp_path, monkeypatch, content):
    data = content if isinstance(content, bytes) else content.encode()
    (tmp_path / "tinyai.toml").write_bytes(data)
    monkeypatch.chdir(tmp_path)
    ran = tinyai("list")
    assert ran.code == 2
    [line] = ran.err.splitlines()
    assert "tinyai.toml" in line


# --- answers


def test_a_new_registry_is_empty_and_valid(tinyai, tmp_path):
    folder = tmp_path / "deep" / "registry"
    assert tinyai("init", folder, "--json").json == {"registry": str(folder)}
    assert json.loads((folder / "registry.json").read_text()) == {"models": [], "schema_version": 1}
    assert tinyai("validate", folder, "--json").json["findings"] == []
    assert tinyai("list", "--registry", folder, "--json").json == {"models": [], "headlines": {}}


def test_list_gives_the_rows_of_the_registry(tinyai, refresh, places, registry):
    refresh(places["table"])
    rows = json.loads((registry / "registry.json").read_text())["models"]
    sidecar = json.loads((registry / "duo_v1.json").read_text())
    plcc, made = sidecar["evaluation"]["summary"]["plcc"]["mean"], sidecar["provenance"]["time"]
    told = {"released": made, "score": {"metric": "plcc", "value": plcc}, "stage": "production", "twin": None}
    assert tinyai("list", "--registry", registry, "--json").json == {"models": rows, "headlines": {"duo_v1": told}}
    assert tinyai("list", "--registry", registry).out.splitlines() == [
        "id      kind  score        released    stage       license",
        f"duo_v1  nr    PLCC {plcc:.4f}  {made[:10]}  production  MIT",
    ]
    (registry / "duo_v1.json").write_text("{")
    assert tinyai("list", "--registry", registry).out.splitlines()[1].split() == ["duo_v1", "nr", "-", "-", "-", "MIT"]


def test_show_gives_the_card_or_row_and_sidecar(tinyai, refresh, places, registry):
    refresh(places["table"])
    card = (registry / "duo_v1.md").read_text()
    front_matter, title, rest = card.partition("# Duo\n")
    assert front_matter.startswith("---\n")
    assert tinyai("show", "duo_v1", "--registry", registry).out == title + rest
    shown = tinyai("show", "duo_v1", "--registry", registry, "--json").json
    assert set(shown) == {"row", "sidecar"}
    assert shown["sidecar"] == json.loads((registry / "duo_v1.json").read_text())
    (registry / "duo_v1.md").unlink()
    assert json.loads(tinyai("show", "duo_v1", "--registry", registry).out) == shown


def test_show_is_a_page_on_a_terminal(tinyai, refresh, places, registry, monkeypatch):
    refresh(places["table"])
    assert "| --- |" in tinyai("show", "duo_v1", "--registry", registry).out
    monkeypatch.setattr(Answer, "isatty", lambda _: True)
    monkeypatch.setenv("COLUMNS", "60")
    shown = re.sub(r"\x1b\[[0-9;]*m", "", tinyai("show", "duo_v1", "--registry", registry).out)
    assert shown.split()[0] == "Duo"
    assert max(map(len, shown.split("\n"))) == 60
    assert "| --- |" not in shown
    (registry / "duo_v1.md").unlink()
    page = tinyai("show", "duo_v1", "--registry", registry).out
    assert page.splitlines()[:3] == ["id        duo_v1", "kind      nr", "licence   MIT"]
    assert "it has no card yet" in page
    assert len(page.splitlines()) < 20


def test_plugins_gives_every_plugin_with_its_hooks_and_models(tinyai, duo):
    plugins = tinyai("plugins", "--json").json["plugins"]
    keys = {"name", "distribution", "version", "status", "reason", "models", "imports", "hooks"}
    assert all(set(plugin) == keys for plugin in plugins)
    [found] = [plugin for plugin in plugins if plugin["name"] == "duo"]
    assert found["models"] == ["duo_v1"]
    assert found["reason"] is None


def test_validate_gives_each_finding_with_its_file_and_model(tinyai, refresh, places, registry):
    refresh(places["table"])
    (registry / "duo_v1.onnx").write_bytes(b"swapped")
    ran = tinyai("validate", registry, "--json")
    assert ran.code == 1
    findings = ran.json["findings"]
    keys = {"code", "severity", "file", "line", "column", "pointer", "model", "message", "excuse"}
    assert all(set(finding) == keys for finding in findings)
    entry = ".tinyai/log/duo_v1/00000001.json"
    assert {"registry.json", "duo_v1.json", "duo_v1.intoto.json", entry} == {finding["file"] for finding in findings}
    assert {finding["model"] for finding in findings} == {"duo_v1"}
    assert ran.json["summary"]["errors"] == ran.json["summary"]["findings"] == len(findings)
    people = tinyai("validate", "--registry", registry)
    assert people.code == 1
    assert all(finding["message"] in people.out for finding in findings)


def test_validate_takes_codes_and_formats(tinyai, refresh, places, registry):
    refresh(places["table"])
    row = json.loads((registry / "registry.json").read_text())["models"][0]
    (registry / "registry.json").write_text(json.dumps({"models": [{**row, "notes": "Old."}], "schema_version": 1}))
    warned = tinyai("validate", registry, "--json")
    assert (warned.code, [finding["code"] for finding in warned.json["findings"]]) == (0, ["TAI515", "TAI106"])
    assert tinyai("validate", registry, "--strict").code == 1
    assert tinyai("validate", registry, "--strict", "--ignore", "TAI106").code == 0
    assert tinyai("validate", registry, "--strict", "--select", "TAI2").code == 0
    notice, warning, *_ = tinyai("validate", registry, "--format", "github").out.splitlines()
    assert notice.startswith("::notice file=")
    assert warning.startswith("::warning file=")
    assert tinyai("validate", registry, "--select", "TAI999").code == 2


ODD_ROWS = {
    "a NUL in the name": ({"onnx": "a\0b.onnx"}, "is no file inside the registry folder"),
    "an endless name": ({"onnx": "a" * 300 + ".onnx"}, "is no file inside the registry folder"),
    "a name that leads out": ({"onnx": "../../../../../etc/x.onnx"}, "is no file inside the registry folder"),
    "a list for a name": ({"onnx": ["x.onnx"]}, "names no .onnx file"),
    "a list for an id": ({"id": ["x"]}, "has no model 'odd_v1'"),
    "a digest with a newline": ({"sha256": "0" * 64 + "\n"}, None),
}


@pytest.mark.parametrize(("oddity", "told"), ODD_ROWS.values(), ids=ODD_ROWS)
def test_validate_list_and_show_survive_any_row(tinyai, registry, oddity, told):
    row = {"id": "odd_v1", "kind": "fr", "onnx": "odd.onnx", "sha256": "0" * 64, **oddity}
    (registry / "registry.json").write_text(json.dumps({"models": [row], "schema_version": 1}))
    assert tinyai("validate", registry, "--json").code == 1
    assert tinyai("list", "--registry", registry).code == 0
    shown = tinyai("show", "odd_v1", "--registry", registry)
    assert shown.code == (2 if told else 0)
    assert (told or "") in shown.err


def test_validate_looks_at_the_rest_where_one_document_is_broken(tinyai, refresh, places, registry):
    refresh(places["table"])
    document = json.loads((registry / "registry.json").read_text())
    broken = {"id": "broken_v1", "kind": "fr", "onnx": "broken.onnx", "sha256": "0" * 64}
    (registry / "broken.json").write_text('{"kind": NaN}')
    (registry / "registry.json").write_text(json.dumps({**document, "models": [broken, *document["models"]]}))
    (registry / "duo_v1.plain.onnx").unlink()
    models = {finding["model"] for finding in tinyai("validate", registry, "--json").json["findings"]}
    assert models == {"broken_v1", "duo_v1"}


# --- exit codes


def test_evaluate_writes_nothing_and_needs_no_registry(tinyai, places, digests, tmp_path):
    before = digests(tmp_path)
    ran = tinyai("evaluate", "duo_v1", "--table", places["table"], "--json")
    assert (ran.code, ran.json["status"]) == (0, "evaluated")
    assert ran.json["artifact"] is None
    assert digests(tmp_path) == before


def test_evaluate_exits_3_where_the_gate_would_refuse(tinyai, duo_as, frame, write_table):
    duo_as({"0.8)": "1.0)"})
    ran = tinyai("evaluate", "duo_v1", "--table", write_table(frame))
    assert ran.code == 3
    assert "would refuse" in ran.err


def test_what_somebody_changes_in_the_row_meanwhile_survives(tinyai, refresh, places, registry, monkeypatch):
    refresh(places["table"])
    index = registry / "registry.json"
    changed = index.read_text().replace('"license": "MIT"', '"license": "ISC"')
    real = Registry.find

    def find(self, model):
        found = real(self, model)
        index.write_text(changed)  # someone else, after we looked
        return found

    monkeypatch.setattr(Registry, "find", find)
    ran = refresh(places["table"], "--force")
    assert (ran.code, ran.json["status"]) == (0, "published")
    assert '"license": "ISC"' in index.read_text()


def test_a_choice_that_is_missing_is_listed_without_escapes(tinyai):
    ran = tinyai("import", "up_v1", "up.onnx", "--license", "MIT", "--source", "https://example.org")
    assert ran.code == 2
    assert ran.err.splitlines()[-4:] == ["Error: Missing option '--kind'. Choose from:", "  fr,", "  nr,", "  filter"]
    assert "\\t" in tinyai("lo\tg").err  # a word of somebody's, which is escaped


HOSTILE = "x\n::error file=a::y\x1b[2J##[add-mask]z"


def test_an_error_is_one_line_without_a_command_to_a_runner(tinyai, tmp_path):
    rows = [{"id": HOSTILE, "sha256": HOSTILE}]
    (tmp_path / "registry.json").write_text(json.dumps({"models": rows, "schema_version": 1}))
    for words in (("show", "b"), ("migrate", HOSTILE), ("log", HOSTILE), ("rollback", HOSTILE, "--to", HOSTILE)):
        ran = tinyai(*words, "--registry", tmp_path)
        lines = [*ran.out.splitlines(), *ran.err.splitlines()]
        assert len(lines) == 1, lines
        assert lines[0].isprintable()
        assert "##[" not in lines[0]


def test_a_card_is_shown_in_printable_lines(tinyai, tmp_path):
    for path in (Path(__file__).parents[2] / "examples" / "registry").glob("*.*"):
        shutil.copy(path, tmp_path)
    card = tmp_path / "fr_regressor_v1.md"
    assert tinyai("show", card.stem, "--registry", tmp_path).out == card.read_text(encoding="utf-8")
    card.write_bytes("# A card\r\n\x1b[2J\n  ::error::x\n## \u202eB\n".encode())
    shown = tinyai("show", card.stem, "--registry", tmp_path).out
    assert shown == "# A card\n\\x1b[2J\n  \\x3a:error::x\n## \\u202eB\n"


def test_progress_shows_names_as_words(capsys):
    display = Display(quiet=False)
    display.begin("[bold]" + HOSTILE)
    display.fold(Fold(HOSTILE, 1, 1, 0.0, Metrics(dict.fromkeys(("plcc", "srocc", "krocc", "rmse"), 0.5))))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("[bold]x\\n::error")
    assert all(line.isprintable() and "##[" not in line for line in lines)
