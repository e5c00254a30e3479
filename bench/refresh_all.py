"""``tinyai refresh --all`` on the real tables against the sum of the single runs, in one run.

``python bench/refresh_all.py [DATA] [DATASET]...`` takes the tables in the folder DATA, and one that a plugin makes
from the pictures of scikit-image, of the data sets that are named or of all. It prints both times, their ratio, and
whether the ONNX files are the same: for all models, for those of the tables in DATA, and for these without the MOS
ensembles, whose training is bound by the processor: a single run takes all cores for it. No ratio can be below what the
processor takes, shared out to all cores, so that is printed beside it.
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

# The data set whose table a plugin makes, `python -m PLUGIN FILE`.
PICTURES, MAKER = "scikit-image-crops", "tinyai_nr_metric"

# Hundreds of fits of four seeds each: matrix products at the peak of the processor, most of the time of the whole.
ENSEMBLES = ("konvid-1k", "youtube-ugc")

# What is refreshed together, and the data sets that are left out of it.
GROUPS = {
    "every model": (),
    "those of the tables in DATA": (PICTURES,),
    "these without the MOS ensembles": (PICTURES, *ENSEMBLES),
}

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


def make_tables(folder: Path, data: Path, wanted: Collection[str]) -> dict[str, str]:
    """For each data set that is wanted, or for all, what ``tinyai.toml`` says of its table."""
    tables = {name: _toml(data, files) for name, files in TABLES.items()} | {PICTURES: f'"{folder / "crops.parquet"}"'}
    chosen = {name: said for name, said in tables.items() if not wanted or name in wanted}
    if PICTURES in chosen:
        subprocess.run([sys.executable, "-m", MAKER, folder / "crops.parquet"], check=True)
    return chosen


def project(folder: Path, tables: dict[str, str]) -> Path:
    """A folder with an empty registry and ``tables``."""
    folder.mkdir()
    lines = "".join(f"{name} = {said}\n" for name, said in tables.items())
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
    with tempfile.TemporaryDirectory() as name:
        tables = make_tables(Path(name), data, wanted)
        single, alone = project(Path(name) / "single", tables), {}
        recipes = [recipe for recipe in discover().recipes if recipe.dataset in tables]
        if missing := tables.keys() - {recipe.dataset for recipe in recipes}:
            raise SystemExit(f"no installed plugin takes {', '.join(sorted(missing))}; install all of plugins/")
        for model in (recipe.id for recipe in recipes):
            alone[model] = time_command(["refresh", model, "--json"], single)
            print(f"  {model:<28} {alone[model].wall:6.2f} s, processor {alone[model].cpu:6.2f} s", flush=True)
        before: dict[str, str] = {}
        for what, left_out in GROUPS.items():
            chosen = {dataset: said for dataset, said in tables.items() if dataset not in left_out}
            if chosen and chosen != before:
                print(what)
                run_all(project(Path(name) / what, chosen), alone, graphs(single))
            before = chosen


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(Path(arguments[0]).absolute() if arguments else ROOT.parent / "shared" / "data", arguments[1:])
