"""``tinyai new-plugin``: what it writes works at once, and what it cannot write it refuses."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tinyai_registry.recipe import UNDECIDED

FILES = [
    "README.md",
    "pyproject.toml",
    "src/tinyai_sharp_eye/__init__.py",
    "src/tinyai_sharp_eye/made_table.py",
    "tests/test_sharp_eye.py",
    "tinyai.toml",
]


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_it_writes_a_distribution_and_says_what_it_wrote(tinyai, tmp_path):
    ran = tinyai("new-plugin", "sharp_eye", "--into", tmp_path / "plugins", "--json")
    folder = tmp_path / "plugins" / "tinyai-sharp-eye"
    assert ran.code == 0, ran.err
    assert ran.json == {"plugin": "sharp_eye", "model": "sharp_eye_v1", "folder": str(folder), "files": FILES}
    assert names(folder) == FILES
    assert not [file for file in FILES if "$" in (folder / file).read_text(encoding="utf-8")]


def test_people_read_what_to_do_next_and_the_working_directory_is_where_it_goes(tinyai, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = tinyai("new-plugin", "sharp")
    assert (tmp_path / "tinyai-sharp" / "pyproject.toml").is_file()
    assert ran.out.splitlines()[-1] == "now: cd tinyai-sharp && pip install -e '.[test]' && pytest"


def test_a_folder_that_exists_is_left_as_it_is(tinyai, tmp_path):
    (tmp_path / "tinyai-sharp").mkdir()
    ran = tinyai("new-plugin", "sharp", "--into", tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"tinyai: {tmp_path / 'tinyai-sharp'} exists already; nothing was changed\n"
    assert names(tmp_path) == []


def test_a_place_where_nothing_can_be_made_is_one_sentence(tinyai, tmp_path):
    (tmp_path / "file").write_text("")
    ran = tinyai("new-plugin", "sharp", "--into", tmp_path / "file")
    assert ran.code == 2
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize(
    "name",
    ["", "Sharp", "1st", "_x", "x_", "a__b", "a-b", "a b", "a.b", "../x", "x\n", "é", "x" * 41, "registry", "builtin"],
)
def test_a_name_that_would_break_a_package_a_distribution_or_an_id_is_refused(tinyai, tmp_path, name):
    ran = tinyai("new-plugin", "--into", tmp_path, "--", name)
    assert ran.code == 2
    assert "will not do as a plugin's name" in ran.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "meant"), [("my-vmaf", "my_vmaf"), ("My VMAF", "my_vmaf"), ("_x_", "x"), ("1st", None)]
)
def test_a_name_that_is_nearly_one_is_answered_with_one_that_is(tinyai, tmp_path, name, meant):
    told = tinyai("new-plugin", "--into", tmp_path, "--", name).err
    assert told.endswith(f"; did you mean {meant!r}?\n") if meant else "it takes lower-case letters" in told


def test_a_recipe_that_the_made_table_did_not_follow_is_told_so_by_its_tests(tinyai, tmp_path, stranger):
    tinyai("new-plugin", "sharp_eye", "--into", tmp_path)
    folder = tmp_path / "tinyai-sharp-eye"
    recipe = folder / "src" / "tinyai_sharp_eye" / "__init__.py"
    recipe.write_text(recipe.read_text().replace('"noise", "motion"', '"grain", "motion"'))
    for command in ("pip install -e '.[test]'", "pytest -x"):
        words = ["sh", "-c", command]
        ran = subprocess.run(words, cwd=folder, env=stranger, capture_output=True, text=True, check=False)
    told = "the write_table that was given to conformance makes no column grain, which sharp_eye_v1 needs"
    assert told in ran.stdout


def test_every_line_that_says_something_of_the_owners_table_or_model_is_marked(tinyai, tmp_path):
    tinyai("new-plugin", "sharp_eye", "--into", tmp_path)
    text = (tmp_path / "tinyai-sharp-eye" / "src" / "tinyai_sharp_eye" / "__init__.py").read_text(encoding="utf-8")
    recipe = re.search(r"Recipe\(\n(.*?)^\)", text, re.MULTILINE | re.DOTALL).group(1)
    unmarked = re.findall(r"^    (\w+)=(?!.*CHANGE)", recipe, re.MULTILINE)
    assert unmarked == ["id", "stage"]


@pytest.mark.parametrize("left", [("license",), ("decision",), ("license", "decision")], ids=" and ".join)
def test_a_model_whose_licence_or_decision_is_the_templates_says_so(duo_as, refresh, tinyai_table, left):
    said = {"license": '"MIT"', "decision": '"ADR-0002"'}
    duo_as({said[key]: f'"{UNDECIDED[key]}"' for key in left})
    [caveat] = [each for each in refresh(tinyai_table, "--dry-run").json["caveats"] if each["code"] == "undecided"]
    assert [key for key in UNDECIDED if f"{key} {UNDECIDED[key]}" in caveat["message"]] == list(left)


def test_a_model_whose_owner_has_decided_has_no_such_caveat(duo, refresh, tinyai_table):
    assert "undecided" not in [each["code"] for each in refresh(tinyai_table, "--dry-run").json["caveats"]]


def test_what_its_readme_says_works_at_once(tinyai, tmp_path, stranger):
    tinyai("new-plugin", "sharp_eye", "--into", tmp_path)
    folder = tmp_path / "tinyai-sharp-eye"
    [block] = re.findall(
        r"^```\n(.*?)^```", (folder / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    commands = block.splitlines()
    assert "tinyai refresh sharp_eye_v1" in commands
    for command in commands:
        ran = subprocess.run(
            ["sh", "-c", command], cwd=folder, env=stranger, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, f"{command}\n{ran.stdout}\n{ran.stderr}"
    assert (folder / "registry" / "sharp_eye_v1.onnx").is_file()
