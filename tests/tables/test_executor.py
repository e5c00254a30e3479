"""Work in other processes: done in order, done again where a worker dies, and nobody is left when it ends."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import work

from tinyai_registry.errors import EngineError
from tinyai_registry.workflows.workers.engine import Engine
from tinyai_registry.workflows.workers.executor import ATTEMPTS, carry_out

TWO = Engine(jobs=2)


def ignore(_: int) -> None:
    pass


def descendants(pid: int) -> set[int]:
    """Every process below ``pid``."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = dict(map(int, line.split()) for line in listed.splitlines())
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def test_results_come_in_the_order_of_the_items():
    told: list[int] = []
    assert carry_out(TWO, work.square, range(20), told.append) == [n * n for n in range(20)]
    assert told == list(range(1, 21))


def test_one_item_takes_no_process():
    assert carry_out(TWO, work.sleep, [0.0], ignore) == [os.getpid()]
    assert carry_out(TWO, work.square, [], ignore) == []


def test_workers_know_neither_our_main_module_nor_the_working_directory():
    before = sys.modules["__main__"]
    assert set(carry_out(TWO, work.surroundings, [1, 2, 3], ignore)) == {(False, False)}
    assert sys.modules["__main__"] is before
    assert "PYTHONSAFEPATH" not in os.environ


def test_work_whose_worker_dies_is_done_again(tmp_path):
    places = [tmp_path / name for name in ("a", "b", "dies", "c")]
    assert carry_out(TWO, work.die_once, places, ignore) == ["a", "b", "dies", "c"]


def test_work_that_kills_its_workers_each_time_is_given_up():
    with pytest.raises(EngineError, match=f"workers died {ATTEMPTS} times at the same part of the work, 0 of 2"):
        carry_out(TWO, work.die, [1, 2], ignore)


def test_what_kills_its_workers_each_time_can_be_left_to_the_caller():
    told: list[int] = []
    assert carry_out(TWO, work.die_of_two, range(6), told.append, lost=lambda item: -item) == [0, 1, -2, 3, 4, 5]
    assert told == list(range(1, 7))


def test_what_the_work_raises_is_raised():
    with pytest.raises(ValueError, match="two"):
        carry_out(TWO, work.fail, range(5), ignore)


@pytest.mark.parametrize("how", ["SIGINT", "SIGKILL"])
def test_no_worker_outlives_whoever_has_started_it(how):
    program = (
        "import signal, work\n"
        "from tinyai_registry.workflows.workers.engine import Engine\n"
        "from tinyai_registry.workflows.workers.executor import carry_out\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's job in the background ignores it
        "carry_out(Engine(jobs=2), work.sleep, [30.0] * 4, lambda _: None)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    with subprocess.Popen([sys.executable, "-c", program], env=environment, stderr=subprocess.DEVNULL) as parent:
        children = wait_for(lambda: len(found := descendants(parent.pid)) >= 3 and found)
        time.sleep(0.5)
        children |= descendants(parent.pid)
        parent.send_signal(getattr(__import__("signal"), how))
        parent.wait(20)
    assert wait_for(lambda: not any(alive(child) for child in children))


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def wait_for(condition, seconds: float = 20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    pytest.fail("it did not happen")


@pytest.mark.parametrize("engine", ["processes", "dask"])
def test_workers_of_a_build_import_nothing_from_the_working_directory(write_logs, tmp_path, engine):
    pytest.importorskip("distributed")
    hostile = write_logs(40).parent
    planted = f"import pathlib; pathlib.Path({str(tmp_path / 'pwned')!r}).touch(); raise SystemExit\n"
    for name in ("multiprocessing", "logging", "numpy", "orjson", "pandas", "distributed"):
        (hostile / name).mkdir()
        (hostile / name / "__init__.py").write_text(planted)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    words = ["table", "build", "--manifest", "pairs.csv", "-o", "t.parquet", "--jobs", "2", "--engine", engine]
    program = [sys.executable, "-P", "-m", "tinyai_registry", *words]
    subprocess.run(program, cwd=hostile, env=environment, check=True, capture_output=True)
    assert (hostile / "t.parquet").exists()
    assert not (tmp_path / "pwned").exists()


BEGUN = {
    "nobody asks any more": ("FileNotFoundError", False),
    "the system has no process for it": ("BlockingIOError", False),
    "it is broken": ("ValueError", True),
}


@pytest.mark.parametrize(("error", "told"), BEGUN.values(), ids=BEGUN)
def test_a_worker_that_begins_tells_what_stopped_it_where_somebody_asked(error, told):
    script = f"import tinyai_registry.workflows.workers.server\nraise {error}('strange')"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert ("Traceback" in ran.stderr, "strange" in ran.stderr) == (told, told)
