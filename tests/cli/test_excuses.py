"""What a project knows of: excuses in ``tinyai.toml`` and a baseline, each with a reason."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from tinyai_registry.documents.config import find_config
from tinyai_registry.documents.excuses import Excuse, read_baseline, render_baseline
from tinyai_registry.errors import ConfigError

NAMES = ("a_v1", "b_v1")
ROWS = [{"id": name, "kind": "fr", "onnx": f"{name}.onnx", "sha256": "0" * 64, "license": "MIT"} for name in NAMES]


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A registry of two models whose graphs are missing, which is an error for each."""
    folder = tmp_path / "registry"
    folder.mkdir()
    (folder / "registry.json").write_text(json.dumps({"models": ROWS, "schema_version": 1}))
    (tmp_path / "tinyai.toml").write_text('[registry]\npath = "registry"\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def excuse(project: Path, model: str, **reasons: str) -> None:
    with (project / "tinyai.toml").open("a", encoding="utf-8") as file:
        file.write(f"[validate.{model}]\n" + "".join(f"{code} = {json.dumps(why)}\n" for code, why in reasons.items()))


def fill_in(project: Path, reason: str) -> None:
    path = project / "tinyai-baseline.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('reason = ""', f'reason = "{reason}"'), encoding="utf-8")


def test_an_excuse_holds_for_one_code_of_one_model_and_its_reason_is_shown(project, tinyai):
    before = tinyai("validate", "--json").json["summary"]
    excuse(project, "a_v1", TAI202="kept elsewhere", **{"no-sidecar": "the same"})
    ran = tinyai("validate")
    assert ran.code == 1
    assert "excused[TAI202 file-missing]" in ran.out
    assert "= because: kept elsewhere" in ran.out
    after = tinyai("validate", "--json").json
    assert after["summary"]["errors"] == before["errors"] - 2
    assert after["summary"]["excused"] == 2
    assert {f["model"] for f in after["findings"] if f["excuse"] is None and f["severity"] == "error"} == {"b_v1"}


def test_an_excuse_that_nothing_is_found_for_is_named(project, tinyai):
    excuse(project, "a_v1", TAI410="fed by others")
    assert "no longer found: TAI410 (a_v1)\n = help: take 1 of them out of tinyai.toml\n" in tinyai("validate").out
    assert [each["code"] for each in tinyai("validate", "--json").json["obsolete"]] == ["TAI410"]
    excuse(project, "b_v1", TAI901="its runtime is another")  # which --load alone looks for
    assert "TAI901" not in tinyai("validate").out


def test_a_baseline_leaves_what_is_new_and_tells_what_no_longer_holds(project, tinyai):
    count = tinyai("validate", "--json").json["summary"]["errors"]
    ran = tinyai("validate", "--write-baseline", "--json")
    assert (ran.code, ran.json["findings"], ran.json["without_reason"]) == (0, count, count)
    ran = tinyai("validate")
    assert (ran.code, ran.out) == (0, f"{count} excused in registry\n")
    (project / "registry" / "stray.onnx.data").write_bytes(b"0")
    (project / "registry" / "a_v1.json").write_text('{"kind": "fr", "input_name": "x"}')
    ran = tinyai("validate")
    assert ran.code == 1
    assert "error[TAI208" in ran.out
    assert "no longer found: TAI210: a_v1.json is missing" in ran.out


def test_with_strict_each_reason_is_filled_in_and_writing_again_keeps_it(project, tinyai):
    tinyai("validate", "--write-baseline")
    ran = tinyai("validate", "--strict")
    assert ran.code == 1
    counts, _, why = ran.out.splitlines()[-1].partition("; ")
    [(excused, _)] = re.findall(r"(\d+) (excused) in registry$", counts)
    assert (
        why == f"--strict fails for {excused} excused findings without a reason, which tinyai-baseline.toml is to give"
    )
    fill_in(project, "from before our time")
    assert tinyai("validate", "--strict").code == 0
    (project / "registry" / "stray.onnx.data").write_bytes(b"0")
    assert tinyai("validate", "--write-baseline", "--json").json["without_reason"] == 1


def test_many_that_no_longer_hold_are_a_few_lines_and_say_what_leaves_them_out(project, tinyai):
    recorded = [Excuse("TAI202", "gone_v1", "known", f"gone_{n}.onnx", f"gone_{n}.onnx is missing") for n in range(45)]
    (project / "tinyai-baseline.toml").write_text(render_baseline(recorded))
    lines = tinyai("validate").out.splitlines()
    told = [number for number, line in enumerate(lines) if line.startswith("no longer found: ")]
    assert told == list(range(told[0], told[0] + 11))
    assert lines[told[-1]] == "no longer found: 35 more"
    assert lines[told[-1] + 1] == " = help: tinyai validate --write-baseline leaves 45 of them out"


def test_with_strict_a_warning_is_said_to_fail(project, tinyai):
    (project / "registry" / "stray.json").write_text("{}")
    last = tinyai("validate", "--select", "TAI209", "--strict").out.splitlines()[-1]
    assert last == "1 warning in registry; --strict fails for 1 warning"


@pytest.mark.parametrize("form", ["github", "junit", "sarif", "json", "text"])
def test_every_format_tells_the_reason(project, tinyai, form):
    excuse(project, "a_v1", TAI202="kept elsewhere")
    assert "kept elsewhere" in tinyai("validate", "--format", form).out


def test_a_registry_excuses_nothing_by_itself(project, tinyai):
    tinyai("validate", "--write-baseline")
    (project / "tinyai-baseline.toml").rename(project / "registry" / "tinyai-baseline.toml")
    assert tinyai("validate").code == 1


def test_any_words_survive_the_baseline(tmp_path):
    words = "höhe \\ \" ' \t \x7f \x00 \u2028 𝄞"
    path = tmp_path / "tinyai-baseline.toml"
    excuses = (Excuse("TAI202", None, words, words, words), Excuse("TAI202", "a", "", "f", "\n"))
    path.write_text(render_baseline(excuses), encoding="utf-8")
    assert read_baseline(path) == excuses
    assert tomllib.loads(render_baseline(())) == {}


BROKEN = {
    "no TOML": "finding = [",
    "another table": "[other]\n",
    "a number": '[[finding]]\ncode = 1\nfile = "f"\nmessage = "m"\nreason = "r"\n',
    "no message": '[[finding]]\ncode = "TAI202"\nfile = "f"\nreason = "r"\n',
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_baseline_is_named(project, tinyai, what):
    (project / "tinyai-baseline.toml").write_text(BROKEN[what])
    ran = tinyai("validate")
    assert ran.code == 2
    assert "tinyai-baseline.toml" in ran.err


@pytest.mark.parametrize("said", ['a_v1 = "why"', "[validate.a_v1]\nTAI202 = 1", '[validate.a_v1]\nTAI202 = " "'])
def test_an_excuse_without_a_reason_is_none(tmp_path, said):
    (tmp_path / "tinyai.toml").write_text(f"[validate]\n{said}\n")
    with pytest.raises(ConfigError, match="gives a reason for each code"):
        find_config(tmp_path)
