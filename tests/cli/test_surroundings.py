"""What a command is run in: no working directory, libraries that do not load, limits of the system. A line for each."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such limits, and keeps the working directory")


@pytest.fixture
def run(tmp_path):
    """Runs ``tinyai`` in a shell, after ``first`` was run there."""

    def tinyai(*words, first: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-P", "-m", "tinyai_registry", *map(str, words)]
        shell = ["bash", "-c", f'{first}\nexec "$@"', "", *command]
        return subprocess.run(
            shell, cwd=tmp_path, env={**os.environ, **environment}, capture_output=True, text=True, check=False
        )

    return tinyai


@pytest.mark.parametrize("words", [["schema"], ["status"], ["table", "diff", "a", "b"], ["evaluate", "fr", "--json"]])
def test_a_command_without_a_working_directory_is_one_line(run, words):
    ran = run(*words, first="mkdir gone; cd gone; rmdir ../gone")
    assert ran.returncode == 2
    assert ran.stderr == (
        f"tinyai: `tinyai {words[0]}` is not available here: the working directory does not exist any more; "
        "change to one that does\n"
    )


LOAD = "this needs pyarrow, which cannot be loaded (liba.so: failed to map segment); install it anew, or give the"
SIGNALLED = (
    "try:\n    signal.raise_signal({})\nexcept BaseException as error:\n    raise ImportError('failed') from error"
)


@pytest.mark.parametrize(
    ("source", "code", "told"),
    [
        ("raise ImportError('READ THIS\\n\\nliba.so: failed to map segment')", 2, LOAD),
        ("raise MemoryError", 2, "there is too little memory for this; free some, or raise the limit"),
        (SIGNALLED.format("signal.SIGTERM"), 143, "stopped by SIGTERM"),
        (SIGNALLED.format("signal.SIGHUP"), 129, "stopped by SIGHUP"),
    ],
    ids=["a part of it cannot be mapped", "memory", "stopped while it is loaded", "hung up while it is loaded"],
)
@pytest.mark.parametrize(
    "words", [["table", "diff", "a", "b"], ["score", "m", "f"]], ids=["in a command", "before one"]
)
def test_a_library_that_does_not_load_is_one_line(run, tmp_path, words, source, code, told):
    (tmp_path / "pyarrow").mkdir()
    (tmp_path / "pyarrow" / "__init__.py").write_text(f"import signal\n{source}\n")
    ran = run(*words, PYTHONPATH=str(tmp_path))
    assert ran.returncode == code
    assert ran.stdout == ""
    [line] = ran.stderr.splitlines()
    assert line.startswith("tinyai: ")
    assert told in line


@pytest.fixture
def manifest(tmp_path, shared) -> Path:
    """Of as many logs as go into three parts."""
    log = (shared / "data" / "vmaf_logs" / "formats" / "sample.json").read_text()
    (tmp_path / "logs").mkdir()
    for number in range(70):
        (tmp_path / "logs" / f"{number}.json").write_text(log + "\n" * number)
    path = tmp_path / "pairs.csv"
    path.write_text("log,source,dis_basename\n" + "".join(f"{k}.json,s{k % 3},d{k}\n" for k in range(70)))
    return path


@pytest.mark.parametrize(
    ("first", "why"),
    [
        (f"mkdir {'x' * 120}; export TMPDIR=$PWD/{'x' * 120}", "AF_UNIX path too long"),
        ("ulimit -n 12", "Too many open files"),
    ],
)
def test_workers_that_cannot_be_started_are_one_line(run, tmp_path, manifest, first, why):
    before = {*tmp_path.iterdir()}
    ran = run("table", "build", "--manifest", manifest, "--logs", "logs", "-o", "t.parquet", first=first)
    assert ran.returncode == 2
    [line] = ran.stderr.splitlines()
    assert line.startswith(f"tinyai: cannot start processes for the work: {why}; they take processes, open files, ")
    assert [each.name for each in {*tmp_path.iterdir()} - before] == [("x" * 120)] * ("TMPDIR" in first)


def test_work_that_needs_no_worker_is_done_where_none_can_be_started(run, tmp_path, manifest):
    manifest.write_text("log,source,dis_basename\n0.json,s,d\n")
    ran = run(
        *("table", "build", "--manifest", manifest, "--logs", "logs", "-o", "t.parquet"),
        first=f"mkdir {'x' * 120}; export TMPDIR=$PWD/{'x' * 120}",
    )
    assert ran.returncode == 0
    assert (tmp_path / "t.parquet").is_file()
