"""A table is in memory once: what reading, checking and fingerprinting it takes is bounded by its columns."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tinyai_fr_regressor.frames import FR_REGRESSOR_V1
from tinyai_registry.errors import TableError
from tinyai_registry.lab.contract import check_target

ROWS = 600_000
FEATURES = ("adm2", "vif_scale0", "vif_scale1", "vif_scale2", "vif_scale3", "motion2")
# What the process needs whatever it reads is taken before, with a small table: libraries start threads and pools.
CHILD = """
import sys
import tracemalloc
from pathlib import Path
from tinyai_fr_regressor.frames import FR_REGRESSOR_V1
from tinyai_registry.evaluation import DataSet
from tinyai_registry.workflows.evaluate import read_trainable

def memory(of):
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(of)]
    return 1024 * int(line.split()[1])

small, *large = map(Path, sys.argv[1:])
read_trainable(small, FR_REGRESSOR_V1)
before = memory("VmRSS")
data = DataSet({path.stem: path for path in large} if len(large) > 1 else large[0])
table = read_trainable(data, FR_REGRESSOR_V1)
print(memory("VmHWM") - before, len(table), len(FR_REGRESSOR_V1.columns))
"""


def write(path: Path, rows: int) -> Path:
    generator, number = np.random.default_rng(rows), np.arange(rows)
    features = {name: generator.random(rows) for name in FEATURES}
    sources = np.array([f"source-{k}" for k in range(5)])[number % 5]
    clips = np.char.add("clip-", (number % 50).astype(str))
    table = {"source": sources, "dis_basename": clips, "frame_index": number, "vmaf": 100 * generator.random(rows)}
    pd.DataFrame({**table, **features}).to_parquet(path, row_group_size=2**17)
    return path


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not say how much memory was taken")
@pytest.mark.parametrize("parts", [1, 2], ids=["of one file", "of two files"])
def test_a_table_takes_twice_what_its_columns_take_as_float32(tmp_path, parts):
    sizes = (1000, *(ROWS // parts + part for part in range(parts)))
    words = [str(write(tmp_path / f"rows-{rows}.parquet", rows)) for rows in sizes]
    said = subprocess.run([sys.executable, "-c", CHILD, *words], check=True, capture_output=True, text=True).stdout
    taken, rows, columns = map(int, said.split())
    assert rows == sum(sizes[1:])
    slack = 40 * 2**20  # what allocators keep of what is given up, whatever the size of the table
    assert taken < 2 * 4 * rows * columns + slack


def test_the_target_of_each_corpus_is_checked_without_a_copy_of_the_column():
    corpora = pd.Categorical.from_codes(np.arange(ROWS) % 3, ["one", "three", "two"])
    frame = pd.DataFrame({"corpus": corpora, "vmaf": 100 * np.random.default_rng(0).random(ROWS)})
    tracemalloc.start()
    check_target(Path("table"), frame, "vmaf", FR_REGRESSOR_V1)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < frame.vmaf.nbytes
    frame.loc[frame.corpus == "three", "vmaf"] = 50.0
    frame.loc[ROWS - 2, "vmaf"] = 50.5
    with pytest.raises(TableError, match=rf"the corpus three lies between 50 \(row 1\) and 50.5 \(row {ROWS - 2}\)"):
        check_target(Path("table"), frame, "vmaf", FR_REGRESSOR_V1)
