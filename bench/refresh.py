"""The whole process of ``tinyai refresh`` against the whole process of a plain PyTorch loop, taking turns.

``python bench/refresh.py [TABLE] [ROUNDS]`` prints both, their ratio, and where our time goes.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
AIM = 0.15


def seconds(command: list[str]) -> tuple[float, str]:
    """Wall-clock seconds of one process, and what it printed."""
    start = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return time.perf_counter() - start, done.stdout


def main(table: Path, rounds: int) -> None:
    """Take turns, so that a noisy minute of the machine hits both."""
    tinyai = str(Path(sys.executable).with_name("tinyai"))
    ours, theirs, steps = [], [], {}
    for _ in range(rounds):
        taken, printed = seconds([sys.executable, str(ROOT / "bench" / "plain_loop.py"), str(table)])
        theirs.append(taken)
        print(printed.strip(), f"  {taken:.2f} s", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            registry = Path(folder) / "registry"
            shutil.copytree(ROOT / "examples" / "registry", registry)
            words = ["refresh", "fr_regressor_v1", "--table", str(table), "--registry", str(registry)]
            taken, printed = seconds([tinyai, *words, "--force", "--json"])
        ours.append(taken)
        report = json.loads(printed)
        steps = report["seconds"]
        summary = report["evaluation"]["summary"]
        figures = "  ".join(f"{m.upper()} {summary[m]['mean']:.6f}" for m in ("plcc", "srocc", "rmse"))
        print(f"tinyai:     {figures}  in-sample PLCC {report['in_sample']['plcc']:.6f}  {taken:.2f} s", flush=True)
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    print("where the time goes, last round:")
    for step, taken in sorted(steps.items(), key=lambda item: -item[1]):
        print(f"  {step:<22} {taken:6.2f} s")
    print(f"  {'imports and the rest':<22} {ours[-1] - sum(steps.values()):6.2f} s")
    spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
    print(
        f"ratio: median {statistics.median(ratios):.3f} over {rounds} rounds ({spread}); the aim is {AIM:.2f} or less"
    )


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(
        Path(arguments[0]) if arguments else ROOT / "examples" / "tables" / "vmaf_features_b.parquet",
        int(arguments[1]) if len(arguments) > 1 else 3,
    )
