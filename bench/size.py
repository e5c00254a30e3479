"""How memory and time grow with rows: the example's table over and over, the frames of each copy after the last's.

``python bench/size.py [EPOCHS] [ROWS]`` prints, each from a process of its own:

- the CPU seconds of a training of 108 thousand and of 1.08 million rows for EPOCHS epochs (by default 2; the recipe's
  30 take fifteen times as long), evaluation included, and the peak memory of the whole process;
- the peak memory of what ``tinyai table check`` does to ROWS rows (by default ten million) of 30 columns, in one file
  and in several, over that of the process when everything is imported, against twice what the needed columns take as
  float32.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from see import MODEL, TABLE

import tinyai_registry.lab.training  # noqa: F401 - what a refresh has imported before it reads a row
from tinyai_registry.evaluation import DataSet
from tinyai_registry.evaluation.progress import Progress
from tinyai_registry.plugins.discovery import discover
from tinyai_registry.plugins.owner import find_owner
from tinyai_registry.tables.check import check
from tinyai_registry.workflows.evaluate import judge, train

COLUMNS, EPOCHS, ROWS = 30, 2, 10_000_000
FEW, MANY = 10, 100
FILES = (1, 4)
LINEAR_AIM, PEAK_AIM = 1.15, 1.5 * 2**30


def write_table(path: Path, copies: int, seed: int = 0) -> int:
    """The example's table so often, the frames of each copy after those of the one before; returns the rows."""
    table = pq.read_table(TABLE).replace_schema_metadata(None)
    generator = np.random.default_rng(seed)
    place, frames = table.schema.get_field_index("frame_index"), table["frame_index"].to_numpy()
    more = [f"extra_{number}" for number in range(COLUMNS - table.num_columns)]
    schema = pa.schema([*table.schema, *((name, pa.float64()) for name in more)])
    with pq.ParquetWriter(path, schema) as file:
        for copy in range(copies):
            numbered = pa.array(frames + copy * (frames.max() + 1), schema.field(place).type)
            columns = [*table.set_column(place, schema.field(place), numbered).columns]
            file.write_table(pa.table([*columns, *(pa.array(generator.random(len(table))) for _ in more)], schema))
    return copies * len(table)


def peak() -> int:
    """The most memory that this process has had so far, in bytes."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return 1024 * int(line.split()[1])


def measure_check(paths: Sequence[Path]) -> dict[str, float]:
    """Peak memory over that of the imported process, and that which is allowed; of several files each is a corpus."""
    before, owner = peak(), find_owner(discover(), MODEL)
    data = DataSet({path.stem: path for path in paths} if len(paths) > 1 else paths[0])
    found = check(owner, data, Progress())
    if found.table is None:
        raise SystemExit(found.why)
    allowed = 2 * 4 * found.table.rows * len(owner.recipe.columns)
    return {"peak": peak() - before, "allowed": allowed, "columns": len(owner.recipe.columns)}


def measure_training(path: Path, epochs: int) -> dict[str, float]:
    """CPU seconds, and peak memory of the whole process."""
    owner = find_owner(discover(), MODEL)
    assert owner.recipe.training is not None
    owner = replace(owner, recipe=replace(owner.recipe, training=replace(owner.recipe.training, epochs=epochs)))
    start = time.process_time()
    judge(owner, train(owner, path, Progress()), None, Progress())
    return {"seconds": time.process_time() - start, "peak": peak()}


def in_a_process(*words: object) -> dict[str, float]:
    """What this file, called with ``words``, has measured."""
    command = [sys.executable, __file__, *map(str, words)]
    measured: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return measured


def main(epochs: int, rows: int) -> None:
    """Print aims and figures."""
    with tempfile.TemporaryDirectory() as name:
        path, taken = Path(name) / "table.parquet", []
        for copies in (FEW, MANY):
            count = write_table(path, copies)
            found = in_a_process("training", path, epochs)
            taken.append(found["seconds"] / count)
            print(
                f"{count} rows, {epochs} epochs: {found['seconds']:.1f} CPU seconds, {found['peak'] / 2**30:.2f} GiB; "
                f"the aim is {PEAK_AIM / 2**30:.2f} or less",
                flush=True,
            )
        print(f"a row of the larger table takes {taken[1] / taken[0]:.2f} of one; the aim is {LINEAR_AIM} or less")
        copies = round(rows * MANY / count)
        for files in FILES:
            paths = [path.with_stem(f"table{part}") for part in range(files)]
            count = sum(write_table(path, copies // files, seed) for seed, path in enumerate(paths))
            found = in_a_process("check", *paths)
            print(
                f"table check of {count} rows in {files} files, {found['columns']} of {COLUMNS} columns needed: "
                f"{found['peak'] / 1e6:.0f} MB over the imported process, {found['peak'] / found['allowed']:.2f} of "
                f"the {found['allowed'] / 1e6:.0f} MB that are twice their size as float32; the aim is 1 or less"
            )


PARTS: dict[str, Callable[..., dict[str, float]]] = {
    "check": lambda *paths: measure_check([Path(path) for path in paths]),
    "training": lambda path, epochs: measure_training(Path(path), int(epochs)),
}

if __name__ == "__main__":
    part, *words = sys.argv[1:] or [""]
    if part in PARTS:
        print(json.dumps(PARTS[part](*words)))
    else:
        numbers = [int(word) for word in sys.argv[1:]]
        main(*numbers, *(EPOCHS, ROWS)[len(numbers) :])
