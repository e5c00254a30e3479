"""What people look at, and what it costs: status, score, site, the bars and the plot of a refresh.

``python bench/see.py [ROUNDS] [PART]...`` prints, taking turns and with ratios (the parts are status, score, progress,
before, site and predict):

- whole processes of ``status`` on 1 000 models, each a copy of the example's release with a history of one entry, and
  of ``check-jsonschema`` on the same ``registry.json``;
- whole processes of ``score``, and of a script that reads the same 100 000 rows with pandas, standardises them and runs
  onnxruntime;
- whole processes of ``refresh``, on a terminal, where it draws bars, and silent; the CPU seconds of both beside, as two
  trainings on one machine disturb each other;
- whole processes of ``refresh`` and of the same at the commit before releases had a plot, checked out of git; and how
  much of our CPU seconds the plot takes;
- whole processes of ``site`` on 200 models;
- in one process ``predict`` on a data frame of these rows, and ``InferenceSession.run`` on rows that are standardised.
"""

from __future__ import annotations

import os
import pty
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from onnxruntime import InferenceSession
from validate import CHECK_JSONSCHEMA, EXAMPLE, filled

from tinyai_registry import load
from tinyai_registry.documents import schema
from tinyai_registry.files import sha256_of
from tinyai_registry.release import Account
from tinyai_registry.store import layout, log
from tinyai_registry.store.registry import open_registry

MODELS, ROWS = 1000, 100_000
STATUS_AIM, SCORE_AIM, PROGRESS_AIM, PLOT_AIM = 1.0, 1.3, 1.02, 1.1
SITE_MODELS, SITE_AIM = 200, 5.0
# The last commit before a release had a plot.
BEFORE = "c36112d"
MODEL = "fr_regressor_v1"
TABLE = EXAMPLE.parent / "tables" / "vmaf_features_b.parquet"
# What somebody writes who has read the sidecar.
ALONE = """
import json, sys
import numpy, onnxruntime, pandas
stem, table = sys.argv[1:]
with open(f"{stem}.json") as file:
    said = json.load(file)
rows = pandas.read_parquet(table, columns=said["feature_order"]).to_numpy()
rows = ((rows - said["feature_mean"]) / said["feature_std"]).astype(numpy.float32)
[scores] = onnxruntime.InferenceSession(f"{stem}.onnx").run(None, {said["input_name"]: rows})
print(scores.mean())
"""
# A refresh that says in the end, on standard error, how many CPU seconds went into the plot.
PLOTTED = """
import atexit, sys, time
from tinyai_registry.cli.app import run
from tinyai_registry.documents import plot
taken = 0.0
def timed(call):
    def timing(*given):
        global taken
        begun = time.process_time()
        try:
            return call(*given)
        finally:
            taken += time.process_time() - begun
    return timing
plot.choose, plot.draw = timed(plot.choose), timed(plot.draw)
atexit.register(lambda: sys.stderr.write(f"plot {taken}\\n"))
run()
"""
BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[1]


def with_history(root: Path) -> Path:
    """The registry in ``root``, with a log in which each model was published once."""
    for row in open_registry(root).rows:
        names = (row["onnx"], f"{row['id']}.json", f"{row['id']}.md")
        files = {name: sha256_of((root / name).read_bytes()) for name in names}
        entry = log.Entry(1, row["id"], "publish", None, Account("2026-01-02T03:04:05Z", "bench"), files, (row,))
        path = layout.entry_file(root, row["id"], 1)
        path.parent.mkdir(parents=True)
        path.write_bytes(log.render(entry))
    return root


def seconds(command: list[str]) -> float:
    """Wall-clock time of one process that must succeed."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def take_turns(commands: dict[str, list[str]], rounds: int) -> dict[str, list[float]]:
    """The seconds of each command, in turns, so that a noisy minute of the machine hits all of them."""
    taken: dict[str, list[float]] = {what: [] for what in commands}
    for _ in range(rounds):
        for what, command in commands.items():
            taken[what].append(seconds(command))
    return taken


def show(taken: dict[str, list[float]], against: str, aim: float) -> None:
    """Print the median of each, and of the ratios of pairs."""
    for what, ours in taken.items():
        ratio = statistics.median(one / other for one, other in zip(ours, taken[against], strict=True))
        print(f"{what}: median {statistics.median(ours) * 1000:.0f} ms, {ratio:.2f} times theirs")
    print(f"{len(taken[against])} rounds, ratios of pairs; the aim is {aim} or less")


def bench_status(rounds: int, folder: Path) -> None:
    """Whole processes on one registry."""
    root = with_history(filled(folder / "registry", MODELS))
    theirs = str(schema.folder() / "registry.schema.json")
    commands = {
        "check-jsonschema": [*CHECK_JSONSCHEMA, "--schemafile", theirs, str(root / "registry.json")],
        f"tinyai status, {MODELS} models": [str(BIN / "tinyai"), "status", "--registry", str(root)],
    }
    show(take_turns(commands, rounds), "check-jsonschema", STATUS_AIM)


def bench_score(rounds: int, table: Path) -> None:
    """Whole processes on one table."""
    commands = {
        "onnxruntime alone": [sys.executable, "-c", ALONE, str(EXAMPLE / MODEL), str(table)],
        f"tinyai score, {ROWS} rows": [str(BIN / "tinyai"), "score", MODEL, str(table), "--registry", str(EXAMPLE)],
    }
    show(take_turns(commands, rounds), "onnxruntime alone", SCORE_AIM)


def refresh(folder: Path, *, shown: bool) -> tuple[float, float]:
    """Wall-clock and CPU seconds of one refresh of the example, on a terminal if ``shown``, else silent."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(EXAMPLE, folder)
    words = ["refresh", MODEL, "--table", str(TABLE), "--registry", str(folder), "--force"]
    ours, theirs = pty.openpty()
    stderr = theirs if shown else subprocess.DEVNULL
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    child = subprocess.Popen(
        [str(BIN / "tinyai"), *words, *([] if shown else ["--json"])], stdout=subprocess.DEVNULL, stderr=stderr
    )
    os.close(theirs)
    while shown and _read(ours):
        pass
    child.wait()
    os.close(ours)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start, cpu


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 2**16)
    except OSError:  # its other end is closed
        return b""


def bench_progress(rounds: int, folder: Path) -> None:
    """Whole processes, taking turns."""
    wall: dict[str, list[float]] = {"silent": [], "refresh with bars": []}
    cpu: dict[str, list[float]] = {"silent, CPU": [], "refresh with bars, CPU": []}
    for _ in range(rounds):
        for (what, walls), cpus in zip(wall.items(), cpu.values(), strict=True):
            taken, used = refresh(folder, shown=what != "silent")
            walls.append(taken)
            cpus.append(used)
    show(wall, "silent", PROGRESS_AIM)
    show(cpu, "silent, CPU", PROGRESS_AIM)


def checkout(revision: str, folder: Path) -> Path:
    """The files of ``revision``, in ``folder``."""
    folder.mkdir()
    packed = subprocess.run(["git", "-C", str(ROOT), "archive", revision], check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=packed, check=True)
    return folder


def refresh_of(root: Path, words: list[str], folder: Path) -> tuple[float, float, str]:
    """Wall-clock and CPU seconds of a refresh of its own example by the version in ``root``, and what it printed."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(root / "examples" / "registry", folder)
    arguments = ["refresh", MODEL, "--table", str(TABLE), "--registry", str(folder), "--force"]
    paths = os.pathsep.join(map(str, (root / "src", root / "plugins" / "fr_regressor" / "src")))
    others = ",".join(path.name for path in (ROOT / "plugins").iterdir() if path.name != "fr_regressor")
    environment = {**os.environ, "PYTHONPATH": paths, "TINYAI_BLOCK_PLUGINS": others}
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, *words, *arguments], check=True, capture_output=True, text=True, env=environment
    )
    taken, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return taken, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stderr


def bench_before(rounds: int, folder: Path) -> None:
    """Whole processes of two versions; each refreshes its own example from the same table."""
    old, example = checkout(BEFORE, folder / "before"), folder / "refreshed"
    wall: dict[str, list[float]] = {BEFORE: [], "refresh": []}
    cpu: dict[str, list[float]] = {f"{BEFORE}, CPU": [], "refresh, CPU": [], "without the plot, CPU": []}
    for _ in range(rounds):
        theirs, their_cpu, _ = refresh_of(old, ["-m", "tinyai_registry"], example)
        ours, our_cpu, printed = refresh_of(ROOT, ["-c", PLOTTED], example)
        plot = float(printed.rpartition("plot ")[2])
        for taken, one in zip(wall.values(), (theirs, ours), strict=True):
            taken.append(one)
        for taken, one in zip(cpu.values(), (their_cpu, our_cpu, our_cpu - plot), strict=True):
            taken.append(one)
    show(wall, BEFORE, PLOT_AIM)
    show(cpu, f"{BEFORE}, CPU", PLOT_AIM)
    print(f"without the plot the aim is {PROGRESS_AIM} or less")


def bench_site(rounds: int, folder: Path) -> None:
    """Whole processes on one registry."""
    root = with_history(filled(folder / "of_site", SITE_MODELS))
    command = [str(BIN / "tinyai"), "site", "--registry", str(root), "-o", str(folder / "site")]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    taken = take_turns({"site": command}, rounds)["site"]
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / rounds
    found = f"median {statistics.median(taken):.2f} s, best {min(taken):.2f} s, {cpu:.2f} CPU seconds"
    print(f"tinyai site, {SITE_MODELS} models: {found}; the aim is less than {SITE_AIM} s")


def bench_predict(rounds: int, frame: pd.DataFrame) -> None:
    """Two calls in this process."""
    model, session = load(MODEL, EXAMPLE), InferenceSession(EXAMPLE / f"{MODEL}.onnx")
    said = model.sidecar
    ready = (frame[said["feature_order"]].to_numpy() - said["feature_mean"]) / said["feature_std"]
    feed = {said["input_name"]: ready.astype(np.float32)}
    calls: dict[str, Callable[[], object]] = {
        "session.run": lambda: session.run(None, feed),
        "load(...).predict": lambda: model.predict(frame),
    }
    taken: dict[str, list[float]] = {what: [] for what in calls}
    for _ in range(rounds):
        for what, call in calls.items():
            start = time.perf_counter()
            call()
            taken[what].append(time.perf_counter() - start)
    show(taken, "session.run", SCORE_AIM)


def main(rounds: int, parts: Sequence[str]) -> None:
    """Print the ratios."""
    frame = pd.concat([pd.read_parquet(TABLE)] * (ROWS // 10_000), ignore_index=True)[:ROWS]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frame.to_parquet(folder / "table.parquet")
        known: dict[str, Callable[[], None]] = {
            "status": lambda: bench_status(rounds, folder),
            "score": lambda: bench_score(rounds, folder / "table.parquet"),
            "progress": lambda: bench_progress(rounds, folder / "example"),
            "before": lambda: bench_before(rounds, folder),
            "site": lambda: bench_site(rounds, folder),
            "predict": lambda: bench_predict(rounds, frame),
        }
        for part in parts or known:
            known[part]()


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 10, sys.argv[2:])
