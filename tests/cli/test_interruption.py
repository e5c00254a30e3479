"""Signals: the command stops soon, says what was published, and no child outlives it. With real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no signals that a process may catch")

# Far more than any of it takes; a test fails by it only where something hangs.
PATIENCE = 120.0

# `tinyai`, with the handlers that a process in the foreground starts with, whatever pytest was started with.
TINYAI = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
for name in ("SIGTERM", "SIGHUP"):
    signal.signal(getattr(signal, name), signal.SIG_DFL)
"""
MAIN = """
from tinyai_registry.cli.app import main
main(prog_name="tinyai")
"""

# Put before the source of a plugin: stop the process at one place of the tool.
AT = """
import os, signal
from {module} import {holder}
_real = {holder}.{name}
def _stop(*args, **more):
    if {before}:
        os.kill(os.getpid(), signal.SIGTERM)
    answer = _real(*args, **more)
    if not {before}:
        os.kill(os.getpid(), signal.SIGTERM)
    return answer
{holder}.{name} = _stop
"""

TRAIN = "return [Linear(table.features[fit.rows], table.target[fit.rows]) for fit in fits]"
REACHED = "import os, pathlib, time; pathlib.Path(os.environ['REACHED'], str(os.getpid())).touch()"
WAIT = f"{REACHED}\n    time.sleep(1000)"
SWALLOW = f"""{REACHED}
    while True:
        try:
            time.sleep(1000)
        except BaseException:
            continue"""
# The place is reached when a worker is about to take its first step.
ENDLESS = f"""from dataclasses import replace
    from tinyai_registry import MLP, AdamW
    from tinyai_registry.lab.stack import Stack
    from tinyai_registry.lab.training import train_mlps
    step = Stack._load_batches
    def reach(stack, running):
        {REACHED}
        step(stack, running)
    Stack._load_batches = reach
    endless = replace(recipe, architecture=MLP(hidden=(8, 8)), training=AdamW(1e-3, 0.0, 64, 10**7))
    return train_mlps(endless, table, fits)"""

# The same, and the system delivers the signal to the worker, so that the main thread's wait is not cut short.
SIGNALLED_WORKER = ENDLESS.replace(
    REACHED,
    "import signal, threading, time; time.sleep(0.5); signal.pthread_kill(threading.get_ident(), signal.SIGTERM)",
)


def wait_until(happened: Callable[[], bool], child: subprocess.Popen[str] | None = None) -> None:
    """Wait while ``child`` runs, if it has to."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert child is None or child.poll() is None, child.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def reached(tmp_path) -> Path:
    """Where a process that has come to the place to be stopped at leaves its number."""
    folder = tmp_path / "reached"
    folder.mkdir()
    return folder


@pytest.fixture
def start(tmp_path, registry, installed, frame, write_table, reached):
    """Starts ``tinyai`` in another process with the given plugins: ``start(sites, "refresh", "duo_v1")``."""
    table = write_table(frame)
    (tmp_path / "tinyai.toml").write_text('[registry]\npath = "registry"\n[tables]\nstand-in = "table.parquet"\n')
    assert table.name == "table.parquet"
    started = []

    def run(sites: list[Path], *words: str, first: str = "") -> subprocess.Popen[str]:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, sites)),
            "REACHED": str(reached),
            "TINYAI_BLOCK_PLUGINS": installed,
        }
        child = subprocess.Popen(
            [sys.executable, "-P", "-c", TINYAI + first + MAIN, *words],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(child)
        return child

    yield run
    for child in started:
        if child.poll() is None:
            child.kill()
        child.communicate()


def end(child: subprocess.Popen[str]) -> tuple[int, dict, str]:
    out, err = child.communicate(timeout=PATIENCE)
    assert "Traceback" not in err
    return child.returncode, json.loads(out), err


def is_alive(process: int) -> bool:
    try:
        state = Path("/proc", str(process), "stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return False
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
        return True
    return state != "Z"


@pytest.mark.parametrize(
    ("name", "train"), [("SIGINT", ENDLESS), ("SIGTERM", ENDLESS), ("SIGTERM", WAIT), ("SIGHUP", WAIT)]
)
def test_a_signal_in_training_stops_it_and_nothing_is_published(start, duo_as, reached, digests, registry, name, train):
    before = digests(registry)
    child = start([duo_as({TRAIN: train})], "refresh", "duo_v1", "--json")
    wait_until(lambda: any(reached.iterdir()), child)
    child.send_signal(getattr(signal, name))
    code, answer, err = end(child)
    message = f"stopped by {name}; nothing was published"
    assert answer == {"error": {"type": "Interrupted", "message": message, "exit_code": 128 + getattr(signal, name)}}
    assert code == 128 + getattr(signal, name)
    assert err.splitlines()[-1] == f"tinyai: {message}"
    assert digests(registry) == before


def test_a_signal_that_does_not_wake_the_main_thread_stops_the_training_too(start, duo_as):
    code, answer, _ = end(start([duo_as({TRAIN: SIGNALLED_WORKER})], "refresh", "duo_v1", "--json"))
    assert (code, answer["error"]["message"]) == (143, "stopped by SIGTERM; nothing was published")


def test_signals_that_follow_at_once_are_one(start, duo_as, reached):
    child = start([duo_as({TRAIN: ENDLESS})], "refresh", "duo_v1", "--json")
    wait_until(lambda: any(reached.iterdir()), child)
    for each in (signal.SIGINT, signal.SIGINT, signal.SIGTERM, signal.SIGINT):
        child.send_signal(each)
    code, answer, err = end(child)
    # The system may deliver either kind first.
    assert (code, answer["error"]["message"]) in {
        (128 + each, f"stopped by {each.name}; nothing was published") for each in (signal.SIGINT, signal.SIGTERM)
    }
    assert len([line for line in err.splitlines() if line.startswith("tinyai: ")]) == 1


def test_a_signal_that_is_ignored_when_the_process_starts_stays_ignored(start, duo_as, reached, registry):
    go_on = f"{REACHED}\n    [time.sleep(0.02) for _ in iter(lambda: os.path.exists('go on'), True)]\n    {TRAIN}"
    ignore = "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    child = start([duo_as({TRAIN: go_on})], "refresh", "duo_v1", "--json", first=ignore)
    wait_until(lambda: any(reached.iterdir()), child)
    child.send_signal(signal.SIGHUP)
    (registry.parent / "go on").touch()
    code, answer, _ = end(child)
    assert (code, answer["status"]) == (0, "published")


@pytest.mark.parametrize("module", ["pandas", "torch", "tinyai_registry.workflows.refresh", "duo_plugin"])
def test_a_signal_while_something_is_imported_is_one_line_too(start, duo, module):
    finder = f"""
import importlib.abc, os
class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGTERM)
sys.meta_path.insert(0, Finder())
"""
    child = start([duo], "refresh", "duo_v1", "--json", first=finder)
    code, answer, err = end(child)
    assert (code, answer["error"]["type"], answer["error"]["exit_code"]) == (143, "Interrupted", 143)
    assert err.splitlines()[-1] == f"tinyai: {answer['error']['message']}"


# What is stopped, where, and whether the release is the registered one then.
PLACES = {
    "before the release is made": ("tinyai_registry.workflows", "refresh", "compose", True, False),
    "before a file is stored": ("tinyai_registry.store", "objects", "put", True, False),
    "before the commit": ("tinyai_registry.store", "log", "append", True, False),
    "after the commit": ("tinyai_registry.store", "log", "append", False, True),
    "before the files are put in place": ("tinyai_registry.store", "publish", "project", True, True),
    "before the tip is recorded": ("tinyai_registry.store", "log", "record_tip", True, True),
    "before old objects are dropped": ("tinyai_registry.store", "publish", "drop_old", True, True),
    "after the publication": ("tinyai_registry.workflows", "refresh", "publish", False, True),
    "before the report": ("tinyai_registry.documents", "sidecar", "read_back", True, True),
    "before the answer": ("tinyai_registry.cli.session", "Session", "answer", True, True),
    "after the answer": ("tinyai_registry.cli.session", "Session", "answer", False, True),
}


@pytest.mark.parametrize(("module", "holder", "name", "before", "published"), PLACES.values(), ids=PLACES)
def test_what_was_published_is_told_as_the_log_has_it(
    start, duo_as, tinyai, registry, module, holder, name, before, published
):
    source = AT.format(module=module, holder=holder, name=name, before=before)
    site = duo_as({'"""A second plugin,': f'{source}"""A second plugin,'})
    code, answer, _ = end(start([site], "refresh", "duo_v1", "--json"))
    told = "published: duo_v1" if published else "nothing was published"
    assert answer["error"]["message"] == f"stopped by SIGTERM; {told}"
    assert code == 143
    models = [row["id"] for row in json.loads((registry / "registry.json").read_text())["models"]]
    assert models == (["duo_v1"] if published else [])
    assert not list((registry / ".tinyai" / "pending").iterdir())
    assert tinyai("validate", registry).code == 0


def test_a_release_whose_files_lag_is_told_and_finished_by_recover(start, duo_as, tinyai, registry):
    full = "from tinyai_registry.store import turn\ndef full(*_): raise OSError(28, 'full')\nturn.finish = full\n"
    source = full + AT.format(module="tinyai_registry.store", holder="log", name="append", before=False)
    site = duo_as({'"""A second plugin,': f'{source}"""A second plugin,'})
    code, answer, _ = end(start([site], "refresh", "duo_v1", "--json"))
    told = "published: duo_v1; files are behind the log, `tinyai recover` finishes it"
    assert (code, answer["error"]["message"]) == (143, f"stopped by SIGTERM; {told}")
    assert tinyai("recover", registry).code == 0
    assert tinyai("validate", registry).code == 0


def test_a_rollback_tells_what_it_has_published_too(start, duo_as, tinyai, registry, frame, write_table):
    site = duo_as({})
    for table in (write_table(frame, "a.parquet"), write_table(frame.iloc[::2], "b.parquet")):
        assert tinyai("refresh", "duo_v1", "--table", table, "--registry", registry).code == 0
    stop = AT.format(module="tinyai_registry.store", holder="log", name="append", before=False)
    code, answer, _ = end(start([site], "rollback", "duo_v1", "--json", first=stop))
    assert (code, answer["error"]["message"]) == (143, "stopped by SIGTERM; published: duo_v1")
    assert tinyai("log", "duo_v1", "--registry", registry, "--json").json["entries"][-1]["action"] == "rollback"


def test_a_release_of_before_is_not_told_as_published(start, duo_as, tinyai, registry, frame, write_table):
    site = duo_as({})
    assert tinyai("refresh", "duo_v1", "--table", write_table(frame), "--registry", registry).code == 0
    stop = AT.format(module="tinyai_registry.store", holder="log", name="append", before=True)
    code, answer, _ = end(start([site], "refresh", "duo_v1", "--force", "--json", first=stop))
    assert (code, answer["error"]["message"]) == (143, "stopped by SIGTERM; nothing was published")


def test_a_command_that_publishes_nothing_says_just_that_it_was_stopped(start, duo):
    first = AT.format(module="tinyai_registry.store.registry", holder="Registry", name="find", before=True)
    code, answer, _ = end(start([duo], "show", "duo_v1", "--json", first=first))
    assert (code, answer["error"]["message"]) == (143, "stopped by SIGTERM")


# --- refresh --all


def as_model(name: str, **more: str) -> dict[str, str]:
    """Changes that make the second plugin declare another model."""
    return {'"duo_v1"': f'"{name}_v1"', '"duo_v1.plain"': f'"{name}_v1.plain"', **more}


@pytest.fixture
def ids(registry):
    return lambda: [row["id"] for row in json.loads((registry / "registry.json").read_text())["models"]]


@pytest.mark.parametrize(("jobs", "engine"), [("1", "processes"), ("3", "processes"), ("3", "dask")])
def test_a_signal_stops_the_workers_and_tells_which_models_were_published(
    start, duo_as, reached, registry, ids, jobs, engine
):
    if engine == "dask":
        pytest.importorskip("distributed")
    sites = [duo_as({}), *(duo_as(as_model(n) | {TRAIN: WAIT}, name=n) for n in ("slow", "slower"))]
    child = start(sites, "refresh", "--all", "--new", "--jobs", jobs, "--engine", engine, "--json")
    wait_until(lambda: len(list(reached.iterdir())) == min(int(jobs), 2) and ids() == ["duo_v1"], child)
    child.send_signal(signal.SIGTERM)
    code, answer, _ = end(child)
    told = "stopped by SIGTERM; published: duo_v1; not published: slow_v1, slower_v1"
    assert (code, answer["error"]["message"]) == (143, told)
    assert not [each for each in reached.iterdir() if is_alive(int(each.name))]
    assert ids() == ["duo_v1"]
    assert not list((registry / ".tinyai" / "pending").iterdir())


@pytest.mark.parametrize("train", [WAIT, ENDLESS, SWALLOW], ids=["waits", "trains", "swallows every exception"])
def test_children_die_with_a_parent_that_is_killed(start, duo_as, reached, ids, train):
    child = start([duo_as({TRAIN: train})], "refresh", "--all", "--new")
    wait_until(lambda: any(reached.iterdir()), child)
    child.kill()
    [number] = [int(each.name) for each in reached.iterdir()]
    wait_until(lambda: not is_alive(number))
    assert ids() == []


def test_a_worker_that_is_killed_each_time_is_a_model_that_failed(start, duo_as, ids):
    sites = [duo_as({TRAIN: "import os; os.kill(os.getpid(), 9)"}), duo_as(as_model("other"), name="other")]
    out, _ = (child := start(sites, "refresh", "--all", "--new", "--json")).communicate(timeout=PATIENCE)
    found = {each["model"]: each for each in json.loads(out)["models"]}
    assert (found["duo_v1"]["status"], found["duo_v1"]["exit_code"]) == ("failed", 2)
    assert found["duo_v1"]["why"].startswith("its worker died 3 times")
    assert found["other_v1"]["status"] == "published"
    assert child.returncode == 2
    assert ids() == ["other_v1"]
