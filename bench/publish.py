"""Publishing into a registry of 1 000 models against one of 10, taking turns.

``python bench/publish.py [ROUNDS] [FOLDER]`` prints both, and their ratio. FOLDER says on which disk.
"""

from __future__ import annotations

import hashlib
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tinyai_registry.documents import strict_json
from tinyai_registry.documents.index import INDEX
from tinyai_registry.release import Account, Release
from tinyai_registry.store.publish import init, publish

SIZES = (10, 1000)
AIM = 3.0
ACCOUNT = Account("2026-01-02T03:04:05Z", "bench")


def release(model: str, version: str) -> Release:
    """A release of the usual size: a graph of 20 kB and its sidecar and card."""
    graph = f"{model} {version} ".encode() * 1000
    sha256 = hashlib.sha256(graph).hexdigest()
    row = {"id": model, "kind": "fr", "onnx": f"{model}.onnx", "opset": 17, "sha256": sha256, "license": "MIT"}
    row |= {"notes": f"{model}, version {version}: 9 sources, 11190 rows; leave-one-source-out PLCC 0.9982"}
    sidecar = strict_json.dumps({**row, "of": "x" * 8000}).encode()
    files = {f"{model}.onnx": graph, f"{model}.json": sidecar, f"{model}.md": sidecar}
    return Release(model, files, (row,))


def put(root: Path, model: str, version: str) -> float:
    """Wall-clock seconds of one publish."""
    start = time.perf_counter()
    publish(root, model, lambda: release(model, version), ACCOUNT)
    return time.perf_counter() - start


def filled(root: Path, size: int) -> Path:
    """A registry of ``size`` models, each with files and a history."""
    init(root)
    for number in range(size):
        put(root, f"m{number:04}", "1")
    return root


def main(rounds: int, folder: Path | None) -> None:
    """Take turns, so that a noisy minute of the machine hits both."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        roots = {size: filled(Path(name) / str(size), size) for size in SIZES}
        taken: dict[int, list[float]] = {size: [] for size in SIZES}
        for turn in range(rounds):
            for size, root in roots.items():
                taken[size].append(put(root, f"m{turn % 10 * size // 10:04}", f"{turn + 2}"))
        index = (roots[max(SIZES)] / INDEX).stat().st_size
    for size, seconds in taken.items():
        spread = f"{min(seconds) * 1000:.1f} to {max(seconds) * 1000:.1f}"
        print(f"into {size:>5} models: median {statistics.median(seconds) * 1000:.1f} ms ({spread}), {rounds} rounds")
    ratio = statistics.median(taken[max(SIZES)]) / statistics.median(taken[min(SIZES)])
    print(f"ratio: {ratio:.2f} (registry.json: {index / 1000:.0f} kB); the aim is {AIM:.0f} or less")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(int(arguments[0]) if arguments else 30, Path(arguments[1]) if arguments[1:] else None)
