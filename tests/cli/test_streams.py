"""Standard streams that are full, closed or read by nobody: a line at most, and no work is lost for standard error."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="this system has no full disk to write to")
TOLD = "tinyai: cannot write the answer to standard output: No space left on device; the command itself has run\n"

# A command that answers, its help, one that fails, and one that there is not.
COMMANDS = [["schema", "--json"], ["list", "--help"], ["refresh", "--json"], ["schemer"]]


def run(words: list[str], redirect: str = "") -> subprocess.CompletedProcess[str]:
    """``tinyai`` in a shell that redirects its streams."""
    script = f'exec "$0" -P -m tinyai_registry "$@" {redirect}'
    return subprocess.run(["sh", "-c", script, sys.executable, *words], capture_output=True, text=True, check=False)


@needs_full
@pytest.mark.parametrize("words", [["schema"], ["schema", "--json"], ["list", "--help"], ["--version"]], ids=" ".join)
def test_an_answer_that_cannot_be_written_is_one_line(words):
    ran = run(words, "> /dev/full")
    assert (ran.returncode, ran.stdout, ran.stderr) == (2, "", TOLD)


@needs_full
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("redirect", ["2> /dev/full", "2>&-"])
def test_what_nobody_can_read_changes_nothing_else(words, redirect):
    heard, unheard = run(words), run(words, redirect)
    assert (unheard.returncode, unheard.stdout, unheard.stderr) == (heard.returncode, heard.stdout, "")


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("redirect", [">&-", ">&- <&-", ">&- 2>&- <&-"])
def test_a_command_runs_without_standard_streams(words, redirect):
    heard, unheard = run(words), run(words, redirect)
    assert (unheard.returncode, unheard.stdout) == (heard.returncode, "")
    assert unheard.stderr == ("" if "2>" in redirect else heard.stderr)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_reader_who_has_gone_is_no_traceback(words):
    ours, theirs = os.pipe()
    os.close(ours)
    ran = subprocess.run(
        [sys.executable, "-P", "-m", "tinyai_registry", *words],
        stdout=theirs,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(theirs)
    assert ran.returncode in {1, 2}
    assert "Traceback" not in ran.stderr


@needs_full
def test_a_table_is_built_though_nobody_can_read_what_is_told(tmp_path, shared):
    logs = shared / "data" / "vmaf_logs" / "formats"
    manifest = tmp_path / "pairs.csv"
    manifest.write_text("log,source,dis_basename\nsample.json,a,b\n")
    words = ["table", "build", "--manifest", str(manifest), "--logs", str(logs), "-o", str(tmp_path / "t.parquet")]
    assert run(words, "2> /dev/full").returncode == 0
    assert (tmp_path / "t.parquet").is_file()


def test_no_file_takes_the_place_of_a_closed_stream(tmp_path):
    assert run(["init", str(tmp_path / "registry")], ">&- 2>&- <&-").returncode == 0
    files = {path.relative_to(tmp_path): path.read_text() for path in tmp_path.rglob("*.json")}
    assert run(["init", str(tmp_path / "other" / "registry")]).returncode == 0
    other = tmp_path / "other"
    assert files == {path.relative_to(other): path.read_text() for path in other.rglob("*.json")}
