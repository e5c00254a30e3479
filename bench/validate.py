"""``tinyai validate`` on 24 models against ``check-jsonschema`` on the same registry file; then up to 10 000 rows.

``python bench/validate.py [ROUNDS]`` prints both, whole processes taking turns, and their ratio, also without what is
there for speed alone; then the time for a row and the peak of memory in registries of growing size.
"""

from __future__ import annotations

import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from textwrap import dedent
from typing import Any

from tinyai_registry.documents import card, row, schema, sidecar, strict_json
from tinyai_registry.documents.sidecar_types import as_sidecar
from tinyai_registry.recipe import fingerprint

EXAMPLE = Path(__file__).parents[1] / "examples" / "registry"
MODELS, AIM = 24, 1.5
SIZES = (100, 1000, 10_000)
TINYAI = [sys.executable, "-m", "tinyai_registry", "validate"]
# As it is installed by itself: where another tool has brought this grammar, jsonschema parses it at each start, in a
# second.
CHECK_JSONSCHEMA = [
    sys.executable,
    "-c",
    "import sys; sys.modules['rfc3987_syntax'] = None; from check_jsonschema import main; main()",
]
# What is there for speed alone, and how to start without it.
WITHOUT = {
    "jsonschema_rs": """
        import sys, types
        sys.modules["jsonschema_rs"] = types.ModuleType("jsonschema_rs")
        from tinyai_registry.documents.engines import Engines
        Engines.is_valid = lambda *_: False
    """,
    "gc.freeze": """
        import gc
        gc.disable = gc.freeze = gc.enable
    """,
}


def filled(root: Path, size: int) -> Path:
    """A registry of ``size`` copies of the example's model, each with a sidecar and a card of its own."""
    document = strict_json.read(EXAMPLE / "fr_regressor_v1.json")
    root.mkdir()
    rows = []
    for number in range(size):
        own = renamed(document, f"m{number:05}")
        shutil.copyfile(EXAMPLE / "fr_regressor_v1.onnx", root / own["onnx"])
        (root / f"{own['id']}.json").write_text(sidecar.render(own))
        (root / f"{own['id']}.md").write_text(card.render(as_sidecar(own)))
        rows.append(row.merge(None, own))
    (root / "registry.json").write_text(strict_json.dumps({"models": rows, "schema_version": 1}))
    return root


def renamed(document: dict[str, Any], model: str) -> dict[str, Any]:
    """The sidecar ``document`` under another id."""
    own = json.loads(json.dumps(document).replace("fr_regressor_v1", model))
    own["recipe_fingerprint"] = fingerprint(own["recipe"])
    return dict(own)


def without(what: str) -> list[str]:
    """``tinyai validate`` without one of the things that make it quick."""
    code = f"{dedent(WITHOUT[what])}\nfrom tinyai_registry.cli.app import main\nmain()"
    return [sys.executable, "-c", code, "validate"]


def seconds(command: list[str]) -> float:
    """Wall-clock time of one process that must find nothing."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def main(rounds: int) -> None:
    """Print the ratio, and the growth."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small = filled(folder / "small", MODELS)
        schemafile = str(schema.folder() / "registry.schema.json")
        commands = {
            "check-jsonschema": [*CHECK_JSONSCHEMA, "--schemafile", schemafile, f"{small}/registry.json"],
            "tinyai validate": [*TINYAI, str(small)],
            **{f"the same without {what}": [*without(what), str(small)] for what in WITHOUT},
        }
        taken: dict[str, list[float]] = {what: [] for what in commands}
        for _ in range(rounds):
            for what, command in commands.items():
                taken[what].append(seconds(command))
        theirs = taken["check-jsonschema"]
        for what, ours in taken.items():
            ratio = statistics.median(one / other for one, other in zip(ours, theirs, strict=True))
            print(f"{what}, {MODELS} models: median {statistics.median(ours) * 1000:.0f} ms, {ratio:.2f} times theirs")
        print(f"{rounds} rounds, ratios of pairs; the aim is {AIM} or less")
        for size in SIZES:
            took = seconds([*TINYAI, str(filled(folder / str(size), size))])
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
            print(f"{size:>6} rows: {took:.2f} s, {took / size * 1000:.2f} ms a row, {peak} MiB at most")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 10)
