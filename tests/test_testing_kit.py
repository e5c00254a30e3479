"""The kit for plugin authors: its fixtures, and that its suite catches what it is there to catch."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tinyai_registry.testing import SMALL_TABLE

DUO = (Path(__file__).parent / "plugins" / "duo.py").read_text(encoding="utf-8")
EXAMPLE = Path(__file__).parents[1] / "examples" / "tables" / "vmaf_features_b.parquet"


# --- the fixtures


def test_the_scratch_registry_and_the_small_table_are_enough_for_a_refresh(
    tinyai, tinyai_registry, tinyai_table, tinyai_calls, duo
):
    ran = tinyai("refresh", "duo_v1", "--table", tinyai_table, "--registry", tinyai_registry, "--json")
    assert ran.json["status"] == "published"
    asked = [(call.plugin, call.hook) for call in tinyai_calls]
    assert asked == [
        ("duo", "tinyai_train"),
        ("duo", "tinyai_evaluate"),
        ("duo", "tinyai_export"),
        ("builtin", "tinyai_describe"),
    ]
    train = tinyai_calls[0]
    assert len(train.answer) == len(train.arguments["fits"]) == 4
    assert train.arguments["recipe"].id == "duo_v1"


def test_a_call_that_went_wrong_is_recorded_too(tinyai, tinyai_table, tinyai_calls, duo_as):
    duo_as({"return [Linear(": "raise ValueError; [Linear("})
    assert tinyai("evaluate", "duo_v1", "--table", tinyai_table).code == 2
    assert [(call.hook, call.answer) for call in tinyai_calls] == [("tinyai_train", None)]


def test_the_small_table_is_every_24th_frame_of_the_example():
    import pandas as pd

    rows = pd.read_parquet(EXAMPLE)
    assert pd.read_parquet(SMALL_TABLE).equals(rows[rows.frame_index % 24 == 0].reset_index(drop=True))
    assert SMALL_TABLE.stat().st_size < 30_000
    assert "480 rows" in (SMALL_TABLE.parent / "PROVENANCE.md").read_text(encoding="utf-8")


def test_pytest_starts_without_loading_anything_heavy():
    program = "import sys, tinyai_registry.testing.fixtures; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    heavy = {"torch", "pandas", "scipy", "pyarrow", "onnxruntime", "onnxsim", "onnx", "numpy", "jsonschema"}
    assert heavy & set(done.stdout.split()) == set()


# --- the suite: each plugin is clumsy in one way, and each is caught by the test that is named for it

SAME = "test_a_fit_comes_out_the_same_to_the_last_bit_again_in_another_order_and_alone"
BLIND = "test_no_fit_sees_what_its_fold_holds_out"
FINGERPRINT = "test_the_recipe_has_one_fingerprint_in_any_process_and_loads_nothing_heavy"
CONSTANT = "test_the_gate_refuses_a_model_that_gives_every_row_one_score"
EXPORT = "test_the_export_passes_every_check_and_has_the_same_bytes_each_time"
VALID = "test_the_published_release_is_valid_and_nothing_else_is_left_behind"
RELOADS = "test_the_published_release_reloads_and_says_what_the_trained_model_said"
VECTORS = "test_every_published_file_gives_the_numbers_of_its_test_vector"

FIT = "[Linear(table.features[fit.rows], table.target[fit.rows])"
CLUMSY: dict[str, tuple[dict[str, str], set[str]]] = {
    "fine": ({}, set()),
    "noisy": ({"[-1]\n": "[-1] + 1e-6 * np.random.random()\n"}, {SAME, BLIND}),
    "draws": ({"np.linalg.lstsq(": "(1 + 1e-9 * np.random.random()) * np.linalg.lstsq("}, {SAME, BLIND}),
    "leans": ({FIT: "[Linear(table.features[fit.rows], table.target[fit.rows] + (len(fits) > 1))"}, {SAME, BLIND}),
    "peeks": ({FIT: "[Linear(table.features, table.target)"}, {BLIND}),
    "shifts": ({'="stand-in"': "=f'stand-in{__import__(\"os\").getpid()}'"}, {FINGERPRINT}),
    "heavy": ({"import onnx\n": "import onnx\nimport pandas\n"}, {FINGERPRINT}),
    "lenient": ({'"plcc", "min", ">=", 0.8': '"rmse", "max", "<=", 99.0', "9.0": "99.0"}, {CONSTANT}),
    "strict": ({"9.0": "0.1"}, {VALID, RELOADS, VECTORS}),
    "newer": ({": 17]": ": 18]"}, {EXPORT, VALID, RELOADS, VECTORS}),
    "stamped": (
        {"b = {%s}": "b = {%s}, float t = {PERF}", "(GRAPH %": "(GRAPH.replace('PERF', f'{np.random.random()}') %"},
        {EXPORT},
    ),
}


@pytest.fixture(scope="module")
def said(tmp_path_factory) -> str:
    """What pytest says of all the clumsy plugins, each with the suite for its model, in one run."""
    folder = tmp_path_factory.mktemp("clumsy")
    suites = ["import shutil", "from pathlib import Path", "from tinyai_registry.testing import SMALL_TABLE"]
    suites += ["from tinyai_registry.testing.conformance import conformance"]
    for name, (changes, _) in CLUMSY.items():
        source = DUO
        for old, new in changes.items():
            assert old in source, (name, old)
            source = source.replace(old, new)
        (folder / f"{name}_plugin.py").write_text(source.replace("duo_v1", f"{name}_v1"), encoding="utf-8")
        info = folder / f"tinyai_{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tinyai-{name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[tinyai_registry]\n{name} = {name}_plugin\n")
        suites += [f"Test_{name} = conformance('{name}_v1', lambda folder: Path(shutil.copy(SMALL_TABLE, folder)))"]
    (folder / "test_clumsy.py").write_text("\n".join(suites), encoding="utf-8")
    words = [sys.executable, "-m", "pytest", "-rA", "--tb=short", "--rootdir", folder, folder]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("name", CLUMSY)
def test_the_suite_catches_what_is_clumsy_and_nothing_else(said, name):
    assert re.search(rf"^PASSED .*::Test_{name}::", said, re.MULTILINE), said
    assert set(re.findall(rf"^(?:FAILED|ERROR) .*::Test_{name}::(\w+)", said, re.MULTILINE)) == CLUMSY[name][1]


def test_a_failure_says_what_to_do(said):
    assert "import what is heavy inside the hooks" in said
    assert "train on fit.rows alone" in said
    assert "draw from fit.seed alone" in said
    assert "add a criterion on a correlation" in said
