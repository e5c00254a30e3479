"""``tinyai refresh --all`` on the real tables against the sum of the single runs, in one run.

``python bench/refresh_all.py [DATA] [DATASET]...`` takes the tables in the folder DATA, of the data sets that are named
or of all. It prints both times, their ratio, and whether the ONNX files are the same: for all models, and for those
without the MOS ensembles, whose training is bound by the processor. No ratio can be below what the processor takes,
shared out to all cores, so that is printed beside it.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tinyai_registry.plugins.discovery import discover

ROOT = Path(__file__).parents[1]
AIM = 0.5
TINYAI = [sys.executable, "-P", "-m", "tinyai_registry"]
# The data sets of the recipes, and the files that stand in for them.
TABLES: dict[str, str | dict[str, str]] = {
    "netflix-public": "vmaf_features_b.parquet",
    "konvid-1k": "konvid_1k_videval.parquet",
    "youtube-ugc": "youtube_ugc_videval.parquet",
    "chug": "chug.parquet",
    "vmaf-clips": "vmaf_clips_ab.parquet",
    "vmaf-aggregate": {"a": "vmaf_features_a.parquet", "b": "vmaf_features_b.parquet"},
}


# Hundreds of fits of four seeds each: matrix products at the peak of the processor, most of the time of the whole.
ENSEMBLES = ("konvid-1k", "youtube-ugc")

ADOPT_ORPHANS = 36  # prctl(PR_SET_CHILD_SUBREAPER): what a command leaves to end by itself is counted, too


@dataclass(frozen=True)
class Run:
    """Seconds of one command by the clock, and by the processor with all processes that it has started."""

    wall: float
    cpu: float
    said: str


def time_command(words: list[str], folder: Path) -> Run:
    """Run ``tinyai`` with ``words`` in ``folder``; a refusal by the gate is an answer, too."""
    before, start = _cpu(), time.perf_counter()
    done = subprocess.run([*TINYAI, *words], cwd=folder, capture_output=True, text=True, check=False)
    wall = time.perf_counter() - start
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
    return Run(wall, _cpu() - before, done.stdout)


def _cpu() -> float:
    taken = resource.getrusage(resource.RUSAGE_CHILDREN)
    return taken.ru_utime + taken.ru_stime


def project(folder: Path, data: Path, datasets: Collection[str]) -> Path:
    """A folder with an empty registry and the tables of ``datasets``."""
    folder.mkdir()
    lines = "".join(f"{name} = {_toml(data, TABLES[name])}\n" for name in datasets)
    (folder / "tinyai.toml").write_text(f'[registry]\npath = "registry"\n[tables]\n{lines}')
    subprocess.run([*TINYAI, "init", "registry"], cwd=folder, check=True, capture_output=True)
    return folder


def _toml(data: Path, files: str | dict[str, str]) -> str:
    if isinstance(files, str):
        return f'"{data / files}"'
    return "{" + ", ".join(f'{corpus} = "{data / file}"' for corpus, file in files.items()) + "}"


def graphs(folder: Path) -> dict[str, str]:
    """The digests of the ONNX files by name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (folder / "registry").glob("*.onnx")}


def run_all(together: Path, alone: dict[str, Run], graphs_alone: dict[str, str]) -> None:
    """All models of the project ``together``, against what each took ``alone``."""
    run = time_command(["refresh", "--all", "--new", "--json"], together)
    results = {each["model"]: each for each in json.loads(run.said)["models"] if each["status"] != "skipped"}
    for model, result in results.items():
        print(f"    {model:<28} {result['status']} {result['why'] or ''}")
    cores, count = os.cpu_count() or 1, len(results)
    wall, cpu = (sum(getattr(alone[model], of) for model in results) for of in ("wall", "cpu"))
    same = graphs(together).items() <= graphs_alone.items()
    print(f"  {count} models one by one {wall:.2f} s, --all {run.wall:.2f} s: {run.wall / wall:.3f} of it")
    print(f"  processor {cpu:.2f} s and {run.cpu:.2f} s; {cores} cores allow for {run.cpu / cores / wall:.3f}")
    print(
        f"  the aim is {AIM:.2f}: {'met' if run.wall <= AIM * wall else 'missed'}; the same files: {same}", flush=True
    )


def main(data: Path, wanted: Collection[str]) -> None:
    """Single runs first, then all together."""
    ctypes.CDLL(None).prctl(ADOPT_ORPHANS, 1, 0, 0, 0)
    datasets = [name for name in TABLES if not wanted or name in wanted]
    models = [recipe.id for recipe in discover().recipes if recipe.dataset in datasets]
    with tempfile.TemporaryDirectory() as name:
        single, alone = project(Path(name) / "single", data, datasets), {}
        for model in models:
            alone[model] = time_command(["refresh", model, "--json"], single)
            print(f"  {model:<28} {alone[model].wall:6.2f} s, processor {alone[model].cpu:6.2f} s", flush=True)
        print("all models")
        run_all(project(Path(name) / "all", data, datasets), alone, graphs(single))
        fewer = [dataset for dataset in datasets if dataset not in ENSEMBLES]
        if fewer and fewer != datasets:
            print(f"without those of {' and '.join(ENSEMBLES)}")
            run_all(project(Path(name) / "fewer", data, fewer), alone, graphs(single))


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(Path(arguments[0]).absolute() if arguments else ROOT.parent / "shared" / "data", arguments[1:])
