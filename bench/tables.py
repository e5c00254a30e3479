"""``tinyai table build`` against a plain loop of ``json.load`` and pandas on 2 000 logs of 150 frames, taking turns.

``python bench/tables.py [LOGS] [ROUNDS]`` makes the logs from the real ones in the folder LOGS. It prints both whole
processes, their ratio, and whether Dask's workers, and workers one of which is killed, give the same bytes.
"""

from __future__ import annotations

import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
COUNT, FRAMES, AIM = 2000, 150, 0.25
TINYAI = [sys.executable, "-P", "-m", "tinyai_registry", "table", "build", "--manifest", "pairs.csv", "--logs", "logs"]

# What somebody writes who wants the same table: by the names that libvmaf writes, unchecked.
PLAIN = """
import json, pandas as pd
tables = []
for line in pd.read_csv("pairs.csv").to_dict("records"):
    with open("logs/" + line.pop("log")) as file:
        frames = json.load(file)["frames"]
    rows = [{"frame_index": frame["frameNum"], **frame["metrics"]} for frame in frames]
    tables.append(pd.DataFrame(rows).assign(**line))
pd.concat(tables, ignore_index=True).to_parquet("plain.parquet")
"""
NORMALIZE = PLAIN.replace("pd.DataFrame(rows)", "pd.json_normalize(frames)")


def make_logs(folder: Path, real: Path) -> None:
    """Write the logs, and their manifest, each with the frames of a real one in another order, over and over."""
    (folder / "logs").mkdir()
    texts = [path.read_text() for path in sorted(real.glob("*.json"))]
    lines = ["log,source,dis_basename,codec,crf"]
    for number in range(COUNT):
        text = texts[number % len(texts)]
        head, _, rest = text.partition('"frames": [\n')
        body, end, tail = rest.partition("\n  ],\n")
        frames = re.split(r',\n(?=    \{\n      "frameNum")', body)
        chosen = [frames[(number + i) % len(frames)] for i in range(FRAMES)]
        numbered = [re.sub(r'"frameNum": \d+', f'"frameNum": {i}', frame) for i, frame in enumerate(chosen)]
        head = re.sub(r'"fps": [0-9.]+', f'"fps": {number}.00', head)
        name = f"{number:05}.json"
        (folder / "logs" / name).write_text(f'{head}"frames": [\n{",".join(numbered)}{end}{tail}')
        lines.append(f"{name},S{number % 20},{number:05}.y4m,x264,{20 + number % 20}")
    (folder / "pairs.csv").write_text("\n".join(lines) + "\n")


def seconds(command: list[str], folder: Path) -> float:
    """Wall-clock time of one process."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    return time.perf_counter() - start


def kill_a_worker(folder: Path) -> bool:
    """Build while a worker is killed; whether there was one to kill."""
    killed = threading.Event()
    with subprocess.Popen([*TINYAI, "-o", "killed.parquet"], cwd=folder, stderr=subprocess.DEVNULL) as build:
        parts = folder / ".killed.parquet.parts"
        while build.poll() is None and not killed.is_set():
            if parts.is_dir() and any(parts.glob("*.arrow")):
                for worker in _workers(build.pid)[:1]:
                    os.kill(worker, signal.SIGKILL)
                    killed.set()
            time.sleep(0.005)
    return killed.is_set() and build.returncode == 0


def _workers(pid: int) -> list[int]:
    """The processes that have no children, below ``pid``, but for Python's own helper."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(maxsplit=2) for line in listed.splitlines()]
    parents = {int(row[0]): int(row[1]) for row in rows if "resource_tracker" not in line_of(row)}
    below = {pid}
    while more := {child for child, parent in parents.items() if parent in below} - below:
        below |= more
    return sorted(child for child in below - {pid} if child not in parents.values())


def line_of(row: list[str]) -> str:
    """The command of a line of ``ps``."""
    return row[2] if len(row) > 2 else ""  # noqa: PLR2004 - the third column


def main(real: Path, rounds: int) -> None:
    """Take turns, so that a noisy minute of the machine hits all of them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_logs(folder, real)
        commands = {
            "a plain loop": [sys.executable, "-c", PLAIN],
            "the same with json_normalize": [sys.executable, "-c", NORMALIZE],
            "tinyai table build": [*TINYAI, "-o", "here.parquet"],
        }
        taken: dict[str, list[float]] = {what: [] for what in commands}
        for _ in range(rounds):
            for what, command in commands.items():
                taken[what].append(seconds(command, folder))
        ours = taken["tinyai table build"]
        for what, theirs in taken.items():
            ratio = statistics.median(one / other for one, other in zip(ours, theirs, strict=True))
            print(f"{what}: median {statistics.median(theirs):.2f} s; ours takes {ratio:.3f} of it")
        record = json.loads((folder / "here.parquet.json").read_text())["record"]
        print(f"{record['rows']} rows from {len(record['logs'])} logs, {rounds} rounds; the aim is {AIM:.2f} or less")
        here = (folder / "here.parquet").read_bytes()
        seconds([*TINYAI, "-o", "dask.parquet", "--engine", "dask", "--jobs", "2"], folder)
        print(f"two workers of Dask give the same bytes: {(folder / 'dask.parquet').read_bytes() == here}")
        if kill_a_worker(folder):
            print(f"a worker killed, the same bytes: {(folder / 'killed.parquet').read_bytes() == here}")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(
        Path(arguments[0]) if arguments else ROOT.parent / "shared" / "data" / "vmaf_logs",
        int(arguments[1]) if len(arguments) > 1 else 3,
    )
