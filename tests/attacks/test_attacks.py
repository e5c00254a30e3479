"""Every attack is found, by the check whose business it is, at its place; and nothing else is found."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import attack
import pytest
import victim

from tinyai_registry.checks.catalogue import rules
from tinyai_registry.checks.finding import Severity
from tinyai_registry.cli.formats import FORMATS, ValidationReport
from tinyai_registry.documents.trust_policy import read_trust
from tinyai_registry.onnxfile.inspector import Inspector
from tinyai_registry.text import printable
from tinyai_registry.trust.growth import find_trust_changes, find_withdrawals
from tinyai_registry.workflows import validate as validation
from tinyai_registry.workflows.validate import validate

CASES = sorted(attack.CASES.glob("TAI*/*.toml"))
SECONDS = 20
# How many lines a format writes for one finding: of a part of a file three more.
LINES = {"text": {5, 8}, "github": {2}}


@pytest.fixture(scope="session")
def valid(tmp_path_factory):
    folder = tmp_path_factory.mktemp("valid")
    return {
        "released": victim.build(folder / "released"),
        "logged": victim.build_logged(folder / "logged"),
        "attested": victim.build_logged(folder / "attested", attested=True),
    }


@pytest.fixture
def attacked(valid, tmp_path):
    """Carries an attack out on a registry of its own."""

    def carry_out(case):
        root = shutil.copytree(valid[case.registry], tmp_path / "registry", symlinks=True)
        if case.since:
            victim.commit(root)
        case.carry_out(root)
        return root

    return carry_out


@contextmanager
def within(seconds):
    def over(*_):
        pytest.fail(f"still at work after {seconds} seconds")

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def told(findings):
    return "\n".join(f"{f.rule.code} {f.file}:{f.line}:{f.column} {f.pointer or '/'} {f.message}" for f in findings)


def notable(findings):
    return [found for found in findings if found.rule.severity is not Severity.INFO]


@pytest.mark.parametrize("registry", ["released", "logged", "attested"])
def test_nothing_is_wrong_before_an_attack(valid, registry):
    assert notable(validate(valid[registry])) == []


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_an_attack_is_found_by_its_own_check(attacked, path):
    case = attack.read(path)
    if case.not_as_root and os.geteuid() == 0:
        pytest.skip("root may do anything")
    with within(SECONDS):
        root = attacked(case)
        trust = None if case.trust is None else read_trust(case.trust, root.parent, "tinyai.toml")
        findings = [*validate(root, case.runtime, trust), *(held_against_before(root) if case.since else ())]
    assert path.parent.name in {each["code"] for each in case.found}
    for wanted in case.found:
        assert any(fits(found, wanted, root) for found in findings), f"{wanted} is not in\n{told(findings)}"
    known = {*(each["code"] for each in case.found), *case.also}
    assert {found.rule.code for found in notable(findings)} <= known, told(findings)
    for found in findings:
        assert_presentable(found, root)


def held_against_before(root):
    return [*find_withdrawals(root, "HEAD"), *find_trust_changes(root.parent, "HEAD")]


def fits(found, wanted, root):
    """``line`` is part of the line that the finding is at, ``says`` of its message."""
    return (
        found.rule.code == wanted["code"]
        and found.file == wanted.get("file", found.file)
        and found.pointer == wanted.get("at", found.pointer)
        and wanted.get("line", "") in line_of(found, root)
        and wanted.get("says", "") in printable(found.message)
    )


def line_of(found, root):
    path = root / found.file
    text = path.read_bytes().decode("utf-8", errors="replace") if path.is_file() else ""
    return dict(enumerate(text.split("\n"), start=1)).get(found.line, "")


def assert_presentable(found, root):
    """A short message, which is harmless however it is written, and a place that is there."""
    report = ValidationReport(root, [found], lambda _: "")
    for form, lines in LINES.items():
        assert_harmless(FORMATS[form](report), lines)
    assert len(found.message) <= 500
    assert found.line == found.column == 1 or 1 <= found.column <= len(line_of(found, root)) + 1, told([found])
    if found.pointer:
        inside = json.loads((root / found.file).read_bytes())
        for step in found.pointer.split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            inside = inside[int(key) if isinstance(inside, list) else key]


def assert_harmless(written, lines):
    assert written.replace("\n", "").isprintable(), ascii(written)
    assert len(written.splitlines()) in lines, written
    assert not re.search("^ *::(?!(error|warning|notice) file=)|##\\[", written, re.MULTILINE), written


def test_every_rule_is_attacked():
    attacked = {path.parent.name for path in CASES}
    assert rules().keys() - attacked == {code for code in rules() if code.startswith("TAI9")}
    assert attacked <= rules().keys()


WRONG = ["null", "true", "-1", "1e300", '"x"', "[]", "{}", "[[]]", '{"": [null]}', '["\\u0000", 0.5]']


@pytest.fixture
def one_inspector(monkeypatch) -> Iterator[None]:
    """One process that inspects graphs for all validations: to start one takes longer than a validation."""
    with Inspector() as inspector:
        monkeypatch.setattr(validation, "Inspector", lambda: nullcontext(inspector))
        yield


@pytest.mark.usefixtures("one_inspector")
@pytest.mark.parametrize("model", ["fr_regressor_v1", "tiny_v1"])
@pytest.mark.parametrize("document", ["row", "sidecar"])
def test_a_field_of_another_type_never_raises(valid, tmp_path, model, document):
    rows = json.loads((valid["released"] / victim.INDEX).read_bytes())["models"]
    [row] = [each for each in rows if each["id"] == model]
    for path in valid["released"].glob(f"{model}.*"):
        shutil.copy(path, tmp_path)
    (tmp_path / victim.INDEX).write_text(json.dumps({"models": [row], "schema_version": 1}))
    path = tmp_path / (victim.INDEX if document == "row" else f"{model}.json")
    whole = path.read_bytes()
    for key in row if document == "row" else json.loads(whole):
        for wrong in WRONG:
            attack.set_value(path, f"/models/0/{key}" if document == "row" else f"/{key}", json=wrong)
            for found in validate(tmp_path):
                assert_presentable(found, tmp_path)
            path.write_bytes(whole)
