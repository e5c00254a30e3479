"""``tinyai refresh --all`` on the real tables against the sum of the single runs, in one run.

``python bench/refresh_all.py [DATA] [DATASET]...`` takes the tables in the folder DATA, of the data sets that are named
or of all. It prints both times, their ratio, and whether the ONNX files are the same.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tinyai_registry.plugins.discovery import discover

ROOT = Path(__file__).parents[1]
AIM = 0.5
TINYAI = [sys.executable, "-P", "-m", "tinyai_registry"]
# The data sets of the recipes, and the files that stand in for them.
TABLES = {
    "netflix-public": "vmaf_features_b.parquet",
    "konvid-1k": "konvid_1k_videval.parquet",
    "youtube-ugc": "youtube_ugc_videval.parquet",
    "chug": "chug.parquet",
    "vmaf-clips": "vmaf_clips_ab.parquet",
}


def seconds(words: list[str], folder: Path) -> tuple[float, str]:
    """Wall-clock time of one command in ``folder``, and what it answered; a refusal by the gate is an answer, too."""
    start = time.perf_counter()
    done = subprocess.run([*TINYAI, *words], cwd=folder, capture_output=True, text=True, check=False)
    return time.perf_counter() - start, done.stdout


def project(folder: Path, tables: dict[str, Path]) -> Path:
    """A folder with an empty registry and ``tables``."""
    folder.mkdir()
    lines = "".join(f'{name} = "{path}"\n' for name, path in tables.items())
    (folder / "tinyai.toml").write_text(f'[registry]\npath = "registry"\n[tables]\n{lines}')
    subprocess.run([*TINYAI, "init", "registry"], cwd=folder, check=True, capture_output=True)
    return folder


def graphs(folder: Path) -> dict[str, str]:
    """The digests of the ONNX files by name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (folder / "registry").glob("*.onnx")}


def main(data: Path, wanted: list[str]) -> None:
    """Single runs first, then all together."""
    tables = {name: data / file for name, file in TABLES.items() if not wanted or name in wanted}
    models = [recipe.id for recipe in discover().recipes if recipe.dataset in tables]
    with tempfile.TemporaryDirectory() as name:
        single, together = project(Path(name) / "single", tables), project(Path(name) / "all", tables)
        alone = 0.0
        for model in models:
            taken, _ = seconds(["refresh", model, "--json"], single)
            alone += taken
            print(f"  {model:<28} {taken:6.2f} s", flush=True)
        taken, said = seconds(["refresh", "--all", "--new", "--json"], together)
        for result in json.loads(said)["models"]:
            print(f"  {result['model']:<28} {result['status']} {result['why'] or ''}")
        print(f"one by one {alone:.2f} s, --all {taken:.2f} s: {taken / alone:.3f} of it; the aim is {AIM:.2f} or less")
        print(f"the same files: {graphs(single) == graphs(together)}")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(Path(arguments[0]).absolute() if arguments else ROOT.parent / "shared" / "data", arguments[1:])
