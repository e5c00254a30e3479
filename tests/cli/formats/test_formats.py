"""What each format makes of findings: the files beside the cases, and what must hold for any finding at all."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import click
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markup import HOSTILE

from tinyai_registry.checks.finding import Finding, Rule, Severity
from tinyai_registry.cli.formats import FORMATS

CASES = Path(__file__).parent / "cases"
ERROR = Rule("TAI404", "operator", Severity.ERROR, "title", "why", "mend")
WARNING = replace(ERROR, code="TAI209", slug="orphan-document", severity=Severity.WARNING)
INFO = replace(ERROR, code="TAI014", slug="old-dialect", severity=Severity.INFO)

ANY = HOSTILE.filter(bool)
FINDINGS = st.builds(
    Finding,
    rule=st.sampled_from([ERROR, WARNING, INFO]),
    file=ANY,
    message=ANY,
    pointer=ANY,
    model=st.none() | ANY,
    line=st.integers(1, 3),
    column=st.integers(1, 300),
    length=st.integers(1, 300),
)
any_finding = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)


@pytest.mark.parametrize("name", ["plain", "hostile", "nothing"])
@pytest.mark.parametrize("written", ["text.txt", "github.log", "junit.xml"])
def test_a_case_is_written_as_the_file_beside_it(case, name, written):
    assert FORMATS[Path(written).stem](case(name)) == (CASES / name / written).read_text(encoding="utf-8")


@any_finding
@given(findings=st.lists(FINDINGS, max_size=3), source=ANY)
@pytest.mark.parametrize("name", FORMATS)
def test_any_finding_can_be_written_and_does_nothing_to_a_terminal(made, name, findings, source):
    written = FORMATS[name](made(*findings, source=source))
    assert written.encode().decode() == written
    assert written.replace("\n", "").isprintable()
    if name == "text":
        assert not re.search("^ *::|##\\[", written, re.MULTILINE)


def shape(node):
    """What a document or an XML element is made of, without its words."""
    if isinstance(node, ET.Element):
        return node.tag, sorted(node.keys()), [shape(child) for child in node]
    if isinstance(node, dict):
        return {key: shape(value) for key, value in node.items()}
    return [shape(each) for each in node] if isinstance(node, list) else type(node)


@pytest.mark.parametrize(("name", "read"), [("json", json.loads), ("sarif", json.loads), ("junit", ET.fromstring)])
@any_finding
@given(said=ANY)
def test_no_words_change_what_a_report_is_made_of(made, name, read, said):
    def written(words):
        findings = [Finding(rule, words, words, words, words) for rule in (ERROR, INFO)]
        return shape(read(FORMATS[name](made(*findings, models=["ok_v1", words]))))

    assert written(said) == written("x")


# --- text


@pytest.mark.parametrize(
    ("line", "column", "length", "carets"),
    [
        ('{"opset": 17}', 11, 2, "          ^^"),
        ('\t"a": 1', 2, 3, "    ^^^"),
        ('"日本": 1', 7, 1, "        ^"),
        ('"日本": 1', 2, 2, " ^^^^"),
        ('"e\u0301": 1', 7, 1, "     ^"),
        ("short", 40, 3, "     ^"),
        ("x" * 500, 200, 9, " " * 31 + "^" * 9),
        ("x" * 500, 200, 900, " " * 31 + "^" * 42),
    ],
)
def test_the_carets_stand_under_what_is_meant(made, line, column, length, carets):
    finding = Finding(ERROR, "registry.json", "wrong", "/x", None, 2, column, length)
    under = FORMATS["text"](made(finding, source=f"\u2028\n{line}\r\n")).splitlines()[-4]
    assert under.rstrip() == f"  | {carets}"


def test_a_finding_about_a_whole_file_shows_no_line_of_it(made):
    assert "|" not in FORMATS["text"](made(Finding(ERROR, "a.json", "wrong"), source="{}"))


def test_each_code_is_explained_once(made):
    findings = [Finding(rule, "a.json", "wrong", line=line) for rule in (ERROR, WARNING) for line in range(3)]
    written = FORMATS["text"](made(*findings))
    assert re.findall(r"help: tinyai explain (\w+)", written) == ["TAI209", "TAI404"]


def test_colour_changes_nothing_but_colour(case):
    plain, coloured = FORMATS["text"](case("plain")), FORMATS["text"](case("plain", colour=True))
    assert "\x1b[31m" in coloured
    assert click.unstyle(coloured) == plain


# --- json


def test_the_document_has_every_field_of_a_finding_and_counts_them(case):
    document = json.loads(FORMATS["json"](case("plain")))
    assert document["findings"][2] == {
        "code": "TAI202",
        "severity": "error",
        "file": "registry.json",
        "line": 5,
        "column": 15,
        "pointer": "/models/0/onnx",
        "model": "fr_v1",
        "message": "fr_v1.onnx is missing",
        "excuse": None,
    }
    assert document["summary"] == {
        "findings": 5,
        "errors": 3,
        "warnings": 1,
        "excused": 0,
        "infos": 1,
        "by_code": {"TAI014": 1, "TAI202": 1, "TAI209": 1, "TAI404": 2},
    }


@any_finding
@given(finding=FINDINGS)
def test_the_document_repeats_what_was_found_character_for_character(made, finding):
    [entry] = json.loads(FORMATS["json"](made(finding)))["findings"]
    said = (finding.file, finding.message, finding.pointer, finding.model)
    assert (entry["file"], entry["message"], entry["pointer"], entry["model"]) == said


# --- github


def read_command(line: str) -> tuple[str, dict[str, str], str]:
    """What the runner reads in a line: a command, its properties, its message."""
    command, properties, message = re.fullmatch(r"::(\w+) (.*?)::(.*)", line).groups()
    unescape = {"%3A": ":", "%2C": ",", "%0A": "\n", "%0D": "\r", "%25": "%"}

    def plain(text: str) -> str:
        return re.sub("|".join(unescape), lambda found: unescape[found[0]], text)

    pairs = (pair.partition("=") for pair in properties.split(","))
    return command, {name: plain(value) for name, _, value in pairs}, plain(message)


@any_finding
@given(finding=FINDINGS)
def test_a_finding_is_one_command_with_its_own_properties(made, finding):
    line, _ = FORMATS["github"](made(finding)).splitlines()
    command, properties, _ = read_command(line)
    assert command == {"error": "error", "warning": "warning", "info": "notice"}[finding.rule.severity]
    assert list(properties) == ["file", "line", "col", "endColumn", "title"]
    assert (properties["line"], properties["title"]) == (str(finding.line), finding.rule.code)


@given(said=st.text(st.characters(categories=["L", "P", "S", "N"]) | st.sampled_from("%:,\r\n"), min_size=1))
@any_finding
def test_the_runner_reads_back_what_was_said(made, said):
    line, _ = FORMATS["github"](made(Finding(ERROR, said, said))).splitlines()
    _, properties, message = read_command(line)
    assert (properties["file"], message) == (f"model/tiny/{said}", said)


def test_a_registry_at_the_top_of_its_repository_has_no_folder_before_its_files(made, root):
    (root / ".git").mkdir()
    assert "file=registry.json," in FORMATS["github"](made(Finding(ERROR, "registry.json", "wrong")))


# --- junit


@any_finding
@given(findings=st.lists(FINDINGS, max_size=4), strict=st.booleans())
def test_a_model_is_a_test_that_fails_where_it_has_errors(made, findings, strict):
    report = made(*findings, models=["ok_v1"], strict=strict)
    suites = ET.fromstring(FORMATS["junit"](report))
    [suite] = suites
    failing = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    expected = {finding.model for finding in findings if finding.rule.severity in failing}
    assert len(suite) == int(suite.get("tests")) == len({None, "ok_v1", *(finding.model for finding in findings)})
    assert len(suite.findall("testcase/failure")) == int(suite.get("failures")) == len(expected)
