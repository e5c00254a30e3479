"""``fr_regressor_v1`` on real tables: every figure here was computed elsewhere, by a plain loop."""

from __future__ import annotations

import difflib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy import stats

from tinyai_fr_regressor import FR_REGRESSOR_V1
from tinyai_registry.cli.app import main
from tinyai_registry.lab import folds
from tinyai_registry.lab.table import read_table
from tinyai_registry.lab.training import train_mlps
from tinyai_registry.recipe import decisive, fingerprint

ROOT = Path(__file__).parents[3]
SHARED = ROOT.parent / "shared"
DATA = SHARED / "data"
EXAMPLE = ROOT / "examples" / "tables" / "vmaf_features_b.parquet"

# PROVENANCE.md beside the tables: the recipe in a plain loop, one fit after another.
FIGURES = {
    "a": {"mean_plcc": 0.995363, "mean_srocc": 0.993309, "mean_rmse": 2.19234, "red_maples": 0.97316},
    "b": {"mean_plcc": 0.988926, "mean_srocc": 0.988555, "mean_rmse": 2.69213, "red_maples": 0.92924},
}
NEARLY = {"mean_plcc": 0.0002, "mean_srocc": 0.0005, "mean_rmse": 0.01, "red_maples": 0.0005}

needs_shared = pytest.mark.skipif(not DATA.is_dir(), reason="no shared data beside the checkout")


@dataclass(frozen=True)
class Answer:
    """A run of ``tinyai … --json``."""

    code: int
    json: dict


def tinyai(*words) -> Answer:
    result = CliRunner().invoke(main, [*map(str, words), "--json"], catch_exceptions=False)
    return Answer(result.exit_code, json.loads(result.stdout))


def table_path(name: str) -> Path:
    return DATA / f"vmaf_features_{name}.parquet"


@pytest.fixture(scope="module")
def registry(tmp_path_factory) -> Path:
    """A copy of a real registry that another tool wrote; ``fr_regressor_v1`` is one of its ten models."""
    folder = tmp_path_factory.mktemp("fr") / "registry"
    shutil.copytree(SHARED / "real-registry", folder, copy_function=shutil.copyfile)
    folder.chmod(0o755)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def refresh(registry: Path, name: str) -> tuple[Answer, dict[str, bytes]]:
    answer = tinyai("refresh", "fr_regressor_v1", "--table", table_path(name), "--registry", registry)
    return answer, contents(registry)


@pytest.fixture(scope="module")
def first(registry):
    """Refreshed from the older table: the answer, and the registry's files."""
    return refresh(registry, "a")


@pytest.fixture(scope="module")
def second(registry, first):
    """Refreshed again, from the newer table."""
    return refresh(registry, "b")


@pytest.fixture(scope="module")
def releases(first, second):
    return {"a": first, "b": second}


def figures(report: dict) -> dict[str, float]:
    summary = report["evaluation"]["summary"]
    [red_maples] = [fold for fold in report["evaluation"]["folds"] if fold["group"] == "RedMaples"]
    return {
        **{f"mean_{metric}": summary[metric]["mean"] for metric in ("plcc", "srocc", "rmse")},
        "red_maples": red_maples["plcc"],
    }


def assert_figures(report: dict, name: str) -> None:
    found = figures(report)
    for key, expected in FIGURES[name].items():
        assert found[key] == pytest.approx(expected, abs=NEARLY[key]), key


# --- the recipe


def test_the_recipe_is_the_one_that_was_decided():
    """A change of this literal is a decision: a new model id, never an edit."""
    recipe_of_adr_0249 = "1a4653ed5ec5ce23f850219f2da3d54a505c9c570579e9ce475da0a6d1667f22"
    assert fingerprint(decisive(FR_REGRESSOR_V1)) == recipe_of_adr_0249
    assert FR_REGRESSOR_V1.decision == "ADR-0249"
    assert FR_REGRESSOR_V1.license == "BSD-2-Clause-Patent"


def test_the_recipe_says_what_the_decision_says():
    assert decisive(FR_REGRESSOR_V1) == {
        "architecture": {"MLP": {"dropout": 0.1, "hidden": [64, 64]}},
        "clip": "dis_basename",
        "criteria": [{"aggregate": "mean", "metric": "plcc", "relation": ">=", "threshold": 0.95}],
        "dataset": "netflix-public",
        "folds": {"LeaveOneGroupOut": {}},
        "group": "source",
        "id": "fr_regressor_v1",
        "inputs": [
            {
                "columns": ["adm2", "vif_scale0", "vif_scale1", "vif_scale2", "vif_scale3", "motion2"],
                "tensor": "features",
            }
        ],
        "key": ["source", "dis_basename", "frame_index"],
        "target": "vmaf",
        "target_range": [0.0, 100.0],
        "training": {"AdamW": {"batch_size": 256, "epochs": 30, "learning_rate": 0.001, "weight_decay": 1e-05}},
    }


# --- the real tables


@needs_shared
@pytest.mark.parametrize("name", FIGURES)
def test_a_refresh_from_a_real_table_reproduces_the_figures_of_the_plain_loop(releases, name):
    answer, _ = releases[name]
    assert (answer.code, answer.json["status"]) == (0, "published")
    assert len(answer.json["evaluation"]["folds"]) == 11
    assert all(verdict["passed"] for verdict in answer.json["gate"])
    assert_figures(answer.json, name)


@needs_shared
@pytest.mark.parametrize("name", FIGURES)
def test_a_caveat_names_the_weakest_fold_with_its_figures(releases, name):
    answer, files = releases[name]
    [message] = [c["message"] for c in answer.json["caveats"] if c["message"].startswith("RedMaples:")]
    [fold] = [f for f in answer.json["evaluation"]["folds"] if f["group"] == "RedMaples"]
    assert f"RMSE {fold['rmse']:.3f}" in message
    assert message in files["fr_regressor_v1.md"].decode()


@needs_shared
@pytest.mark.parametrize("name", FIGURES)
def test_the_published_onnx_reproduces_in_sample_with_the_sidecars_standardisation(releases, name):
    answer, files = releases[name]
    sidecar = json.loads(files["fr_regressor_v1.json"])
    assert sidecar["onnx_has_scaler"] is False
    rows = pd.read_parquet(table_path(name))
    features = rows[sidecar["feature_order"]].to_numpy()
    scaled = (features - np.array(sidecar["feature_mean"])) / np.array(sidecar["feature_std"])
    session = onnxruntime.InferenceSession(files[sidecar["onnx"]], providers=["CPUExecutionProvider"])
    [scores] = session.run([sidecar["output_name"]], {sidecar["input_name"]: scaled.astype(np.float32)})
    target = rows.vmaf.to_numpy()
    assert scores.shape == target.shape
    assert stats.pearsonr(scores, target).statistic == pytest.approx(answer.json["in_sample"]["plcc"], abs=1e-6)
    rmse = np.sqrt(np.mean((scores - target) ** 2))
    assert rmse == pytest.approx(answer.json["in_sample"]["rmse"], abs=1e-3)


@needs_shared
def test_the_graph_is_called_as_the_recipe_says(first):
    _, files = first
    session = onnxruntime.InferenceSession(files["fr_regressor_v1.onnx"], providers=["CPUExecutionProvider"])
    [features], [score] = session.get_inputs(), session.get_outputs()
    assert (features.name, features.type, features.shape) == ("features", "tensor(float)", ["N", 6])
    assert (score.name, score.type, score.shape) == ("score", "tensor(float)", ["N"])


@needs_shared
def test_the_second_refresh_is_compared_with_the_first(first, second):
    before, after = first[0].json, second[0].json
    assert after["previous"]["sha256"] == before["artifact"]["sha256"]
    assert after["previous"]["metrics"] == {
        "mean_plcc": before["evaluation"]["summary"]["plcc"]["mean"],
        "std_plcc": before["evaluation"]["summary"]["plcc"]["std"],
        "mean_srocc": before["evaluation"]["summary"]["srocc"]["mean"],
        "mean_rmse": before["evaluation"]["summary"]["rmse"]["mean"],
        "in_sample_plcc": before["in_sample"]["plcc"],
    }
    assert [moved["column"] for moved in after["drift"]["inputs"]] == list(FR_REGRESSOR_V1.feature_order)
    assert after["drift"]["target_before"] == pytest.approx([12.7, 100], abs=0.1)
    assert after["drift"]["target_now"] == pytest.approx([36.1, 100], abs=0.1)


@needs_shared
def test_the_same_refresh_twice_changes_no_byte(registry, second):
    again, files = refresh(registry, "b")
    assert (again.code, again.json["status"]) == (0, "up-to-date")
    assert files == second[1]
    findings = tinyai("validate", registry).json["findings"]
    # What a refresh keeps as it is: that it takes features, which the command of libvmaf does not feed, the licence of
    # the row, and the name of its signature, which is not there.
    found = {finding["code"] for finding in findings if finding["model"] == "fr_regressor_v1"}
    assert found == {"TAI515", "TAI711", "TAI802", "TAI803"}


# --- the registry of another tool


@needs_shared
def test_a_real_release_of_another_tool_is_adopted_and_compared_with(first):
    report = first[0].json
    assert report["previous"] == {
        "sha256": "447334948e1cc63497ad3143f2342bd6a334adbb6d9a8dbf3685b1b3595979e9",
        "metrics": pytest.approx(
            {
                "mean_plcc": 0.9977367,
                "std_plcc": 0.0025157,
                "mean_srocc": 0.9971611,
                "mean_rmse": 2.1721533,
                "in_sample_plcc": 0.9983081,
            },
            abs=1e-6,
        ),
        "adopted": ["kind", "feature_order", "input_names", "output_names", "opset"],
    }
    assert len(report["drift"]["inputs"]) == 6
    assert report["unsigned"] == "fr_regressor_v1.onnx.sigstore.json: a signature bundle is named but missing (TAI711)"


@needs_shared
def test_its_row_keeps_its_own_keys_and_its_orphaned_weights_are_withdrawn(first):
    report, files = first[0].json, first[1]
    before = contents(SHARED / "real-registry")
    assert report["withdrawn"] == ["fr_regressor_v1.onnx.data"]
    assert set(before) - set(files) == {"fr_regressor_v1.onnx.data"}
    [old], [new] = (
        [row for row in json.loads(held["registry.json"])["models"] if row["id"] == "fr_regressor_v1"]
        for held in (before, files)
    )
    assert {key for key in {*old, *new} if old.get(key) != new.get(key)} == {"notes", "sha256"}


@needs_shared
def test_its_other_models_are_untouched_to_the_byte(first):
    before, files = contents(SHARED / "real-registry"), first[1]
    ours = {"registry.json", *(name for name in before if name.startswith("fr_regressor_v1."))}
    assert {name: files[name] for name in before if name not in ours} == {
        name: data for name, data in before.items() if name not in ours
    }
    old, new = (held["registry.json"].decode().splitlines() for held in (before, files))
    changed = [line for line in difflib.ndiff(old, new) if line[0] in "+-"]
    assert [line.split('"')[1] for line in changed] == ["notes", "notes", "sha256", "sha256"]


def test_the_shipped_table_tells_the_same_story():
    answer = tinyai("evaluate", "fr_regressor_v1", "--table", EXAMPLE)
    assert (answer.code, len(answer.json["evaluation"]["folds"])) == (0, 11)
    assert_figures(answer.json, "b")


# --- ties


@needs_shared
def test_ties_are_ranked_on_average_counted_and_warned_of():
    path = table_path("ties")
    report = tinyai("evaluate", "fr_regressor_v1", "--table", path).json
    table = read_table(path, FR_REGRESSOR_V1)
    cut = folds.plan(table, FR_REGRESSOR_V1.folds)
    *models, _ = train_mlps(FR_REGRESSOR_V1, table, folds.fits(cut, FR_REGRESSOR_V1.seeds))
    for model, split, fold in zip(models, cut.splits, report["evaluation"]["folds"], strict=True):
        prediction, target = model.predict(table.inputs(split.held_out)), table.target[split.held_out]
        assert fold["group"] == split.group
        assert fold["srocc"] == pytest.approx(stats.spearmanr(prediction, target).statistic, abs=1e-9)
        assert fold["tied_targets"] == pytest.approx(pd.Series(target).duplicated(keep=False).mean())
        [caveat] = [
            c["message"]
            for c in report["caveats"]
            if c["code"] == "tied-targets" and c["message"].startswith(f"{split.group}:")
        ]
        assert f"{fold['tied_targets']:.1%}" in caveat


# --- the table that may not be redistributed


def test_a_table_of_the_netflix_shape_is_taken_as_it_is(tmp_path):
    """9 sources and 30 columns, of which nine are needed."""
    rows = pd.read_parquet(EXAMPLE)
    rows = rows[~rows.source.isin(["RedMaples", "FlowerBloom"])].reset_index(drop=True)
    others = {f"metadata_{n}": n if n % 2 else f"text {n}" for n in range(30 - len(rows.columns))}
    path = tmp_path / "full_features_netflix.parquet"
    rows.assign(**others).to_parquet(path)
    answer = tinyai("evaluate", "fr_regressor_v1", "--table", path)
    assert answer.json["table"]["columns"] == 30
    assert [fold["group"] for fold in answer.json["evaluation"]["folds"]] == answer.json["table"]["groups"]
    assert len(answer.json["table"]["groups"]) == 9
    assert sum(fold["rows"] for fold in answer.json["evaluation"]["folds"]) == len(rows)
    assert answer.code == 0
