"""What people look at: ``tinyai status`` on 1 000 models against ``check-jsonschema`` on the same ``registry.json``.

``python bench/see.py [ROUNDS]`` prints both, whole processes taking turns, and their ratio. Every model is a copy of
the example's release with a history of one entry.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from validate import filled

from tinyai_registry.documents import schema
from tinyai_registry.files import sha256_of
from tinyai_registry.release import Account
from tinyai_registry.store import layout, log
from tinyai_registry.store.registry import open_registry

MODELS, AIM = 1000, 1.0
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


def main(rounds: int) -> None:
    """Print the ratio."""
    with tempfile.TemporaryDirectory() as name:
        root = with_history(filled(Path(name) / "registry", MODELS))
        theirs = str(schema.folder() / "registry.schema.json")
        commands = {
            "check-jsonschema": [str(BIN / "check-jsonschema"), "--schemafile", theirs, str(root / "registry.json")],
            f"tinyai status, {MODELS} models": [str(BIN / "tinyai"), "status", "--registry", str(root)],
        }
        show(take_turns(commands, rounds), "check-jsonschema", AIM)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 10)
