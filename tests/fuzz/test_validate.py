"""Whatever becomes of a registry's files, a validation ends, says where, and never says OK of a broken chain."""

from __future__ import annotations

import hashlib
import json
import re
import resource
import time
from functools import lru_cache
from pathlib import Path

import pytest
from bases import BASES, MODEL
from harness import fast_folder
from hypothesis import given
from hypothesis import strategies as st
from mutations import spoilt_bytes, spoilt_graph, spoilt_text, spoilt_tree, unhurried

from tinyai_registry.checks.finding import Severity
from tinyai_registry.cli.formats import FORMATS, ValidationReport
from tinyai_registry.documents.positions import tokens
from tinyai_registry.store import layout, log
from tinyai_registry.workflows import validate as story

SECONDS, GIBIBYTES, LONGEST = 5.0, 2, 2000


@pytest.fixture(scope="module")
def folder():
    with fast_folder() as name:
        yield Path(name)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(story, "PAUSE", 0.0)


def lay_out(root: Path, files: dict[str, bytes]) -> None:
    """Make ``root`` hold these files and no others."""
    there = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()} if root.is_dir() else set()
    for name in there - files.keys():
        (root / name).unlink()
    for name, data in files.items():
        path = root / name
        if name not in there or path.read_bytes() != data:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def check(root: Path, files: dict[str, bytes], *, may_be_sound: bool = False) -> None:
    """What has to hold of a validation of ``files``."""
    lay_out(root, files)
    start = time.process_time()
    findings = story.validate(root)
    assert time.process_time() - start < SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < GIBIBYTES << 20
    for finding in findings:
        assert_placed(root, finding)
    if not may_be_sound and broken(files):
        assert any(finding.rule.severity is Severity.ERROR for finding in findings), broken(files)


def assert_placed(root: Path, finding) -> None:
    """A finding has a line, a column and a pointer inside its file, and words that a terminal does not act on."""
    assert re.fullmatch(r"TAI\d{3}", finding.rule.code)
    assert finding.message
    assert len(finding.message) < LONGEST, finding
    written = FORMATS["text"](ValidationReport(root, [finding], lambda _: ""))
    assert written.replace("\n", "").isprintable(), finding
    text, known = text_and_pointers((root / finding.file).read_bytes())
    lines = text.split("\n")
    assert 1 <= finding.line <= len(lines), finding
    assert 1 <= finding.column <= len(lines[finding.line - 1]) + 1, finding
    assert finding.length >= 1
    if finding.pointer:
        assert finding.pointer in known or finding.pointer.rpartition("/")[0] in known, finding


@lru_cache(maxsize=8)
def text_and_pointers(data: bytes) -> tuple[str, set[str]]:
    text = data.decode("utf-8", errors="replace")
    return text, {token.pointer for token in tokens(text)}


# --- the chain of digests, told without the code that is tested ---


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def broken(files: dict[str, bytes]) -> list[str]:
    """Which links do not hold: a digest of a row, of a sidecar's artifacts, of an entry of the log, or in it."""
    return [*_pins(files), *_log(files)]


def _pins(files):
    try:
        rows = json.loads(files["registry.json"])["models"]
        named = [(row["onnx"], row["sha256"]) for row in rows]
        named += [(row["onnx"][:-5] + ".int8.onnx", row["int8_sha256"]) for row in rows if "int8_sha256" in row]
        sidecars = [json.loads(files[row["onnx"][:-5] + ".json"]) for row in rows]
        named += [(each["path"], each["sha256"]) for sidecar in sidecars for each in sidecar.get("artifacts", ())]
        yield from (name for name, digest in named if name not in files or sha256(files[name]) != digest)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        yield f"{error!r}"


def _log(files):
    written = {name: data for name, data in BASES["logged"]().items() if name.startswith(".tinyai/log/")}
    here = [name for name in files if name.startswith(".tinyai/log/")]
    if here:
        # The tip is no entry: one that is missing, or lags behind, is that of a writer who died.
        entries = {name for name in (*here, *written) if not name.endswith(layout.TIP)}
        yield from (name for name in entries if files.get(name) != written.get(name))
        last = json.loads(written[f".tinyai/log/{MODEL}/00000002.json"])
        yield from (name for name, digest in last["files"].items() if sha256(files.get(name, b"")) != digest)


# --- what is done to a registry ---


@pytest.mark.parametrize("base", BASES)
@unhurried
@given(data=st.data())
def test_any_file_spoilt_in_any_way(folder, base, data):
    files = dict(BASES[base]())
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(st.sampled_from(sorted(files)))
        spoilers = [spoilt_bytes, spoilt_text, spoilt_tree] if name.endswith(".json") else [spoilt_bytes]
        files[name] = data.draw(st.sampled_from(spoilers))(data.draw, files[name])
    check(folder / base, files)


@pytest.mark.parametrize("base", BASES)
@unhurried
@given(data=st.data())
def test_a_file_lost_doubled_or_exchanged(folder, base, data):
    files = dict(BASES[base]())
    names = sorted(files.keys() - {"registry.json"})
    found = files.pop(data.draw(st.sampled_from(names)))
    if data.draw(st.booleans()):
        files[data.draw(st.sampled_from([*names, "x.onnx", "x.json", ".tinyai/log/x/00000001.json"]))] = found
    check(folder / base, files)


@unhurried
@given(data=st.data())
def test_an_entry_of_the_log_forged_with_a_digest_that_fits(folder, data):
    files = dict(BASES["logged"]())
    name = f".tinyai/log/{MODEL}/0000000{data.draw(st.integers(1, 2))}.json"
    entry = json.loads(spoilt_tree(data.draw, files[name]))
    if isinstance(entry, dict):
        entry.pop("digest", None)
        entry["digest"] = log._digest(entry)
    files[name] = json.dumps(entry, indent=2).encode() + b"\n"
    check(folder / "logged", files, may_be_sound=True)


@pytest.mark.parametrize("base", ["plain", "packaged", "outside"])
@unhurried
@given(data=st.data())
def test_a_graph_spoilt_and_pinned_anew(folder, base, data):
    files = dict(BASES[base]())
    name = data.draw(st.sampled_from([each for each in sorted(files) if each.endswith(".onnx")]))
    old, new = files[name], spoilt_graph(data.draw, files[name])
    repinned = {each: text.replace(sha256(old).encode(), sha256(new).encode()) for each, text in files.items()}
    check(folder / base, {**repinned, name: new})
