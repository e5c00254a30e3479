"""What CI needs: the workflow that ``init --ci`` writes, the GitHub action, the pre-commit hook; and what ours runs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from importlib import metadata
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from ruamel.yaml import YAML

from tinyai_registry.store.publish import init

ROOT = Path(__file__).parents[2]
WORKFLOW = Path(".github", "workflows", "tinyai.yml")

bash = pytest.mark.skipif(not shutil.which("bash") or os.name == "nt", reason="runs the action's shell scripts")


def yaml(path: Path):
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


def assert_valid(schema: str, path: Path) -> None:
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", str(path)]
    ran = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


# --- tinyai init --ci


@pytest.fixture
def repository(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "repository"
    (folder / ".git").mkdir(parents=True)
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    return folder


@pytest.mark.parametrize("name", ["tiny", "a b", 'it\'s "quoted"', "# {x}: $HOME `id`", "日本 🙂", "-x"])
def test_the_workflow_lies_at_the_top_of_the_repository_and_names_the_registry(tinyai, repository, name):
    assert tinyai("init", "--json", "--ci", "--", f"../model/{name}").json == {
        "registry": f"../model/{name}",
        "workflow": str(repository / WORKFLOW),
    }
    assert tinyai("validate", "--", repository / "model" / name).code == 0
    assert_valid("github-workflows", repository / WORKFLOW)
    [job] = yaml(repository / WORKFLOW)["jobs"].values()
    base = "${{ github.event.pull_request.base.sha }}"
    assert job["env"] == {"PYTHONSAFEPATH": "1", "REGISTRY": f"model/{name}", "BASE": base}
    runs = [step["run"] for step in job["steps"] if "run" in step]
    version = metadata.version("tinyai-registry")
    validation = 'tinyai validate --format github ${BASE:+--since "$BASE"} -- "$REGISTRY"'
    assert runs == [f"pip install tinyai-registry=={version}", validation]


def test_a_second_job_makes_again_what_a_pull_request_changes(tinyai, repository):
    assert tinyai("init", "tiny", "--ci", "--reproduce").code == 0
    assert_valid("github-workflows", repository / WORKFLOW)
    workflow = yaml(repository / WORKFLOW)
    assert list(workflow["jobs"]) == ["validate", "reproduce"]
    assert workflow["permissions"] == {"contents": "read"}
    job = workflow["jobs"]["reproduce"]
    assert job["if"] == "github.event_name == 'pull_request'"
    assert job["env"]["REGISTRY"] == "below/tiny"
    runs = [step["run"] for step in job["steps"] if "run" in step]
    assert runs[-1] == 'tinyai reproduce --all --since "$BASE" --registry "$REGISTRY"'
    assert tinyai("init", "other", "--reproduce").code == 2


def test_a_registry_that_is_there_already_is_left_as_it_is(tinyai, repository):
    tinyai("init", "tiny")
    index = repository / "below" / "tiny" / "registry.json"
    index.write_text("its own")
    assert tinyai("init", "tiny", "--ci").out == f"made {Path('..') / WORKFLOW}\n"
    assert index.read_text() == "its own"


def test_a_workflow_that_is_there_already_is_never_overwritten(tinyai, repository):
    tinyai("init", "tiny", "--ci")
    (repository / WORKFLOW).write_text("its own")
    ran = tinyai("init", "tiny", "--ci")
    assert (ran.code, ran.out) == (2, "")
    [line] = ran.err.splitlines()
    assert "tinyai.yml exists already; it was not changed" in line
    assert (repository / WORKFLOW).read_text() == "its own"
    second = tinyai("init", "tiny", "--ci", "--reproduce")
    assert "it was not changed; move it away, and the one that is written then has both jobs" in second.err


@pytest.mark.parametrize(
    ("folder", "top", "within"),
    [("tiny", ".", "tiny"), ("deep/tiny", ".", "deep/tiny"), ("../elsewhere", "../elsewhere", "."), (".", ".", ".")],
)
def test_without_a_repository_the_folder_of_the_settings_is_the_top(tinyai, tmp_path, monkeypatch, folder, top, within):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    ran = tinyai("init", folder, "--ci")
    assert ran.code == 0
    assert f"{top} is in no git repository; the workflow runs once that folder is the top of one\n" in ran.out
    assert yaml(here / top / WORKFLOW)["jobs"]["validate"]["env"]["REGISTRY"] == within
    assert (here / folder / "registry.json").is_file()
    assert len(list(tmp_path.rglob("tinyai.yml"))) == 1


def test_the_workflow_of_a_project_lies_beside_its_settings_wherever_it_is_asked_for(tinyai, tmp_path, monkeypatch):
    (tmp_path / "model" / "tiny").mkdir(parents=True)
    (tmp_path / "tinyai.toml").write_text('[registry]\npath = "model/tiny"\n')
    monkeypatch.chdir(tmp_path / "model")
    assert tinyai("init", "--ci").code == 0
    assert yaml(tmp_path / WORKFLOW)["jobs"]["validate"]["env"]["REGISTRY"] == "model/tiny"


@pytest.mark.parametrize("link", [*reversed(WORKFLOW.parents[:-1]), WORKFLOW], ids=str)
def test_no_workflow_is_written_through_a_link_that_leads_out(tinyai, repository, tmp_path, link):
    (tmp_path / "outside").mkdir()
    (repository / link).parent.mkdir(parents=True, exist_ok=True)
    target = tmp_path / "outside" / ("new.yml" if link.suffix else "")
    (repository / link).symlink_to(target)
    ran = tinyai("init", "tiny", "--ci")
    assert ran.code == 2
    assert "leads out of" in ran.err
    assert not list((tmp_path / "outside").iterdir())


# --- action.yml


def step(name: str):
    [found] = [each for each in yaml(ROOT / "action.yml")["runs"]["steps"] if each.get("name") == name]
    return found


def literals(name: str) -> dict[str, str]:
    """The variables of a step that are no expression."""
    return {variable: value for variable, value in step(name)["env"].items() if "${{" not in value}


@pytest.fixture
def run_step(tmp_path):
    """Runs a step of the action, with stand-ins that note their words; ``codes`` are what ``tinyai`` exits with."""
    tools = tmp_path / "temp" / "tinyai" / "bin"
    tools.mkdir(parents=True)
    note = f'printf "%s\\0" "${{0##*/}}" "$@" >> {tmp_path}/noted; printf "\\n" >> {tmp_path}/noted\n'
    for tool in ("python", "pip", "tinyai"):
        (tools / tool).write_text(f'#!/bin/sh\n{note}echo "a report"\nexit "${{CODE:-0}}"\n')
        (tools / tool).chmod(0o755)

    def run(name: str, *, code: int = 0, **inputs: str):
        known = {"PYTHON": str(tools / "python"), **literals(name), **inputs}
        environment = {variable: known[variable] for variable in step(name)["env"]}
        given = {"RUNNER_TEMP": str(tmp_path / "temp"), "GITHUB_ACTION_PATH": "/the action", "CODE": str(code)}
        ran = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step(name)["run"]],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], **given, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        noted = (tmp_path / "noted").read_text() if (tmp_path / "noted").exists() else ""
        return ran, [line.split("\0")[:-1] for line in noted.splitlines()]

    return run


def test_the_action_is_one():
    assert_valid("github-actions", ROOT / "action.yml")


def test_no_script_of_the_action_has_an_expression_in_it():
    scripts = [each["run"] for each in yaml(ROOT / "action.yml")["runs"]["steps"] if "run" in each]
    assert len(scripts) == 2
    assert not [script for script in scripts if "${{" in script]


@pytest.mark.parametrize("name", ["Install tinyai-registry", "Validate"])
def test_a_module_in_the_working_directory_is_not_imported_by_the_action(tmp_path, name):
    (tmp_path / "venv.py").write_text("")
    words = [sys.executable, "-c", "import venv; print(venv.__file__)"]
    environment = {**os.environ, **literals(name)}
    ran = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert Path(ran.stdout.strip()) == Path(venv.__file__)


def test_every_input_of_the_action_is_used_and_there_is_no_other():
    action = yaml(ROOT / "action.yml")
    assert set(re.findall(r"inputs\.(\w+)", json.dumps(action["runs"]))) == set(action["inputs"])


@bash
@pytest.mark.parametrize(("version", "wanted"), [("0.1.0", "tinyai-registry==0.1.0"), ("", "/the action")])
def test_the_action_installs_a_version_or_itself(run_step, tmp_path, version, wanted):
    _, words = run_step("Install tinyai-registry", VERSION=version)
    assert words == [
        ["python", "-m", "venv", str(tmp_path / "temp" / "tinyai")],
        ["pip", "install", "--quiet", wanted],
    ]


PLANTED = ("venv", "ensurepip", "json", "tinyai_registry", "multiprocessing")


@bash
def test_the_action_runs_no_module_that_lies_in_the_checkout(run_step, tmp_path):
    for name in PLANTED:
        (tmp_path / f"{name}.py").write_text("open('pwned', 'w').close(); raise SystemExit(0)")
    tools = tmp_path / "temp" / "tinyai"
    (tools / "bin" / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (tools / "bin" / "tinyai").write_text(f'#!/bin/sh\nexec {sys.executable} -m tinyai_registry "$@"\n')
    init(tmp_path / "tiny")
    installed, _ = run_step("Install tinyai-registry", VERSION="0.1.0")
    validated, _ = run_step("Validate", REGISTRY="tiny", STRICT="true", SARIF="")
    assert (validated.returncode, validated.stdout) == (0, "no findings in tiny\n"), validated
    assert (tools / "pyvenv.cfg").is_file(), installed
    assert not (tmp_path / "pwned").exists()


@bash
@pytest.mark.parametrize("registry", ["model/tiny", "a b", "$(touch pwned)", '"; touch pwned; "', "--strict", ""])
@pytest.mark.parametrize(("strict", "flags"), [("true", ["--strict"]), ("false", [])])
def test_the_action_validates_what_it_is_given_and_nothing_of_it_is_run(run_step, tmp_path, registry, strict, flags):
    ran, words = run_step("Validate", REGISTRY=registry, STRICT=strict, SARIF="")
    given = ["--", registry] if registry else []
    assert words == [["tinyai", "validate", "--format", "github", *flags, *given]]
    assert (ran.returncode, ran.stdout) == (0, "a report\n")
    assert not (tmp_path / "pwned").exists()


@bash
@pytest.mark.parametrize(("code", "runs"), [(0, 2), (1, 2), (2, 1)])
def test_the_action_writes_sarif_first_and_fails_as_the_validation_does(run_step, tmp_path, code, runs):
    ran, words = run_step("Validate", code=code, REGISTRY="tiny", STRICT="false", SARIF="out file.sarif")
    assert [each[3] for each in words] == ["sarif", "github"][:runs]
    assert (tmp_path / "out file.sarif").read_text() == "a report\n"
    assert ran.returncode == (code if runs == 2 else 1)


@bash
def test_the_action_takes_no_third_answer_to_a_question_of_two(run_step):
    ran, words = run_step("Validate", REGISTRY="", STRICT="yes::", SARIF="")
    assert (ran.returncode, words) == (2, [])
    assert ran.stdout == "::error::strict is true or false\n"


# --- .pre-commit-hooks.yaml


def hook():
    [found] = yaml(ROOT / ".pre-commit-hooks.yaml")
    return found


def test_the_hook_has_what_pre_commit_asks_for_and_runs_a_command_that_there_is(tinyai):
    assert set(hook()) == {"id", "name", "description", "entry", "language", "pass_filenames", "always_run"}
    assert (hook()["id"], hook()["language"], hook()["pass_filenames"]) == ("tinyai-validate", "python", False)
    program, *words = hook()["entry"].split()
    assert program in {each.name for each in metadata.entry_points(group="console_scripts")}
    assert tinyai(*words, "--help").code == 0


def test_the_hook_runs_whatever_a_commit_changes():
    """Also where it deletes or renames: pre-commit does not offer such a file to a hook that asks for names."""
    assert hook()["always_run"] is True


# --- this repository's own CI

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_of_this_repository_is_one(path):
    assert_valid("github-workflows", path)


def test_the_workflows_run_with_no_right_but_to_read():
    assert WORKFLOWS
    for workflow in map(yaml, WORKFLOWS):
        assert workflow["permissions"] == {"contents": "read"}
        assert not [job for job in workflow["jobs"].values() if "permissions" in job]


def test_every_action_is_pinned_by_its_commit_the_same_everywhere():
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "action.yml", *WORKFLOWS)]
    uses = [words for text in texts for words in re.findall(r"uses: (.*)", text)]
    pinned = [re.fullmatch(r"([\w./-]+)@([0-9a-f]{40}) # v\d+\.\d+\.\d+", words) for words in uses]
    assert len(pinned) >= len(texts)
    assert None not in pinned
    assert len({each[0] for each in pinned}) == len({each[1] for each in pinned})


def test_the_light_suite_is_the_same_in_ci_and_make():
    lists = [
        set(re.findall(r"python -m pytest (tests/test_light\.py .*)", path.read_text(encoding="utf-8")))
        for path in (ROOT / "Makefile", ROOT / ".github" / "workflows" / "ci.yml")
    ]
    assert len(lists[0]) == 1
    assert lists[0] == lists[1]


def test_the_hooks_of_this_repository_have_the_versions_that_make_installs():
    constraints = set((ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines())
    [ours] = yaml(ROOT / ".pre-commit-config.yaml")["repos"]
    tools = {tool for each in ours["hooks"] for tool in each["additional_dependencies"]}
    assert {tool.partition("==")[0] for tool in tools - constraints} == {
        "pre-commit-hooks"
    }  # nothing that make installs
    assert {tool.partition("==")[0] for tool in tools & constraints} == {"ruff", "check-jsonschema"}


def test_every_dependency_has_a_constraint():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    pinned = dict(
        re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    )
    versions = {canonicalize_name(name): version for name, version in pinned.items()}
    others = [each for each in map(Requirement, wanted) if each.name != project["name"]]
    unmet = [each for each in others if not met(each, versions)]
    assert wanted
    assert unmet == []


def met(requirement: Requirement, versions: dict[str, str]) -> bool:
    version = versions.get(canonicalize_name(requirement.name))
    return version is not None and requirement.specifier.contains(version)
