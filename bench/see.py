"""What people look at: ``tinyai status`` against ``check-jsonschema``, and ``tinyai score`` against onnxruntime alone.

``python bench/see.py [ROUNDS]`` prints, taking turns and with ratios:

- whole processes of ``status`` on 1 000 models, each a copy of the example's release with a history of one entry, and
  of ``check-jsonschema`` on the same ``registry.json``;
- whole processes of ``score``, and of a script that reads the same 100 000 rows with pandas, standardises them and runs
  onnxruntime;
- whole processes of ``refresh``, on a terminal, where it draws bars, and silent; the CPU seconds of both beside, as two
  trainings on one machine disturb each other;
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
from collections.abc import Callable
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
STATUS_AIM, SCORE_AIM, PROGRESS_AIM = 1.0, 1.3, 1.02
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
BIN = Path(sys.executable).parent


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


def main(rounds: int) -> None:
    """Print the ratios."""
    frame = pd.concat([pd.read_parquet(TABLE)] * (ROWS // 10_000), ignore_index=True)[:ROWS]
    with tempfile.TemporaryDirectory() as name:
        frame.to_parquet(Path(name) / "table.parquet")
        bench_status(rounds, Path(name))
        bench_score(rounds, Path(name) / "table.parquet")
        bench_progress(rounds, Path(name) / "example")
    bench_predict(rounds, frame)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 10)
