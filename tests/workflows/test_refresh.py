"""The story of a refresh, told with a plugin that trains in milliseconds."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from tinyai_registry.documents.schema import violations

LOSO = {"KFold(3)": "LeaveOneGroupOut()", "Input, KFold": "Input, LeaveOneGroupOut"}
LENIENT = {"0.8)": "0.0)", "9.0)": "99.0)"}
FEATURES = ["vif_scale0", "vif_scale1", "adm2", "motion2"]


@pytest.fixture
def table(frame, write_table) -> Path:
    return write_table(frame)


@pytest.fixture
def shuffled(frame, write_table) -> Path:
    """The same rows, each with the target of some other."""
    return write_table(frame.assign(vmaf=np.random.default_rng(0).permutation(frame.vmaf)), "shuffled.parquet")


def sidecar(registry: Path) -> dict:
    return json.loads((registry / "duo_v1.json").read_text(encoding="ascii"))


def row(registry: Path) -> dict:
    models = json.loads((registry / "registry.json").read_text(encoding="ascii"))["models"]
    return next(model for model in models if isinstance(model, dict) and model.get("id") == "duo_v1")


def codes(ran) -> list[str]:
    return [caveat["code"] for caveat in ran.json["caveats"]]


# --- published, up to date, forced, tried


def test_a_very_different_model_is_refreshed_by_the_same_core(tinyai, duo, registry, refresh, table):
    ran = refresh(table)
    assert ran.code == 0, ran.err
    assert ran.json["status"] == "published"
    assert [fold["group"] for fold in ran.json["evaluation"]["folds"]] == ["fold-1", "fold-2", "fold-3"]
    assert all(fold["mae"] > 0 for fold in ran.json["evaluation"]["folds"])
    assert len(ran.json["gate"]) == 3
    assert sorted(a["path"] for a in ran.json["artifacts"]) == ["duo_v1.onnx", "duo_v1.plain.onnx"]
    document = sidecar(registry)
    assert document["input_names"] == ["spatial", "temporal"]
    assert document["onnx_has_scaler"] is True
    assert "feature_mean" not in document
    assert tinyai("validate", registry).code == 0


def test_the_registry_says_what_the_report_says(duo, registry, refresh, table):
    report, document = refresh(table).json, sidecar(registry)
    for key in ("table", "evaluation", "in_sample", "gate", "caveats", "artifacts", "previous", "drift"):
        assert document[key] == report[key], key
    assert report["artifact"] == next(a for a in report["artifacts"] if a["path"] == "duo_v1.onnx")
    assert row(registry)["sha256"] == document["sha256"] == report["artifact"]["sha256"]
    for artifact in report["artifacts"]:
        data = (registry / artifact["path"]).read_bytes()
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (artifact["sha256"], artifact["bytes"])


def test_the_published_sidecar_and_registry_satisfy_their_schemas(duo, registry, refresh, table):
    refresh(table)
    assert list(violations("sidecar", sidecar(registry))) == []
    assert list(violations("registry", json.loads((registry / "registry.json").read_text()))) == []


def test_the_second_refresh_changes_nothing(duo, registry, refresh, table, digests):
    first = refresh(table).json
    before = digests(registry)
    ran = refresh(table)
    assert (ran.code, ran.json["status"]) == (0, "up-to-date")
    assert ran.json["evaluation"] == first["evaluation"]
    assert ran.json["artifact"] == first["artifact"]
    assert digests(registry) == before


def _append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


TOUCHES = {
    "card edited": lambda r: _append(r / "duo_v1.md"),
    "card removed": lambda r: (r / "duo_v1.md").unlink(),
    "artifact damaged": lambda r: _append(r / "duo_v1.onnx"),
    "other artifact removed": lambda r: (r / "duo_v1.plain.onnx").unlink(),
    "row's digest edited": lambda r: _replace(r / "registry.json", '"sha256": "', '"sha256": "0'),
    "row's notes edited": lambda r: _replace(r / "registry.json", '"notes": "', '"notes": "Better: '),
    "row claims an int8 twin": lambda r: _replace(r / "registry.json", '"kind"', '"quant_mode": "dynamic", "kind"'),
    "sidecar removed": lambda r: (r / "duo_v1.json").unlink(),
}


@pytest.mark.parametrize("touch", TOUCHES.values(), ids=TOUCHES)
def test_a_release_that_was_touched_is_not_up_to_date_and_is_made_whole(
    tinyai, duo, registry, refresh, table, digests, touch
):
    refresh(table)
    artifact = digests(registry)["duo_v1.onnx"]
    touch(registry)
    ran = refresh(table)
    assert (ran.code, ran.json.get("status")) == (0, "published"), ran.json
    assert digests(registry)["duo_v1.onnx"] == artifact
    assert tinyai("validate", registry).code == 0
    assert refresh(table).json["status"] == "up-to-date"


def test_another_table_or_another_plugin_version_is_not_up_to_date(duo, duo_as, registry, refresh, frame, write_table):
    refresh(write_table(frame))
    other = write_table(frame.iloc[::2], "other.parquet")
    assert refresh(other).json["status"] == "published"
    duo_as({}, version="1.1")
    assert refresh(other).json["status"] == "published"
    assert sidecar(registry)["plugin"] == {"distribution": "tinyai-duo", "version": "1.1"}


def test_force_retrains_what_is_up_to_date(duo, registry, refresh, table, digests):
    first = refresh(table).json
    before = digests(registry)
    ran = refresh(table, "--force")
    assert ran.json["status"] == "published"
    assert ran.json["previous"]["sha256"] == first["artifact"]["sha256"]
    assert digests(registry)["duo_v1.onnx"] == before["duo_v1.onnx"]
    assert sidecar(registry)["provenance"]["command"].endswith("--force")


def test_a_dry_run_tells_everything_and_changes_no_byte(duo, registry, refresh, table, digests, tmp_path):
    before = digests(registry)
    note = tmp_path / "note.md"
    ran = refresh(table, "--dry-run", "--note", note)
    assert (ran.code, ran.json["status"]) == (0, "dry-run")
    assert ran.json["artifact"]["path"] == "duo_v1.onnx"
    assert "## Decision" in note.read_text()
    assert digests(registry) == before


def test_the_metrics_file_is_the_answer(duo, refresh, table, tmp_path):
    metrics = tmp_path / "metrics.json"
    ran = refresh(table, "--metrics-out", metrics)
    assert json.loads(metrics.read_text()) == ran.json


def test_previous_against_refresh_is_told_in_report_and_card(duo, registry, refresh, frame, write_table):
    first = refresh(write_table(frame)).json
    second = refresh(write_table(frame.assign(adm2=frame.adm2 + 10), "moved.parquet")).json
    assert second["previous"]["sha256"] == first["artifact"]["sha256"]
    assert second["previous"]["metrics"]["mean_plcc"] == first["evaluation"]["summary"]["plcc"]["mean"]
    assert second["previous"]["metrics"]["in_sample_plcc"] == first["in_sample"]["plcc"]
    assert "adopted" not in second["previous"]
    assert "| | previous | refresh | change |" in (registry / "duo_v1.md").read_text().replace("|  |", "| |")


def test_a_moved_input_is_measured_in_old_standard_deviations_and_warned_of(duo, refresh, frame, write_table):
    refresh(write_table(frame))
    shift = frame.adm2.std(ddof=0)
    ran = refresh(write_table(frame.assign(adm2=frame.adm2 + shift), "moved.parquet"))
    moved = {i["column"]: i for i in ran.json["drift"]["inputs"]}
    assert moved["adm2"]["mean_shift"] == pytest.approx(1)
    assert moved["adm2"]["std_ratio"] == pytest.approx(1)
    assert moved["motion2"]["mean_shift"] == pytest.approx(0)
    assert ran.json["drift"]["target_before"] == ran.json["drift"]["target_now"]
    [caveat] = [c for c in ran.json["caveats"] if c["code"] == "input-drift"]
    assert caveat["message"].startswith("adm2")


def test_reason_goes_into_sidecar_and_card_without_the_home_folder(duo, registry, refresh, table):
    refresh(table, "--reason", f"Motion was wrong, see {Path.home()}/notes.")
    assert sidecar(registry)["provenance"]["reason"] == "Motion was wrong, see ~/notes."
    assert "Motion was wrong, see \\~/notes." in (registry / "duo_v1.md").read_text()


def test_a_reason_keeps_its_slashes_where_home_is_the_root_folder(duo, registry, refresh, table, monkeypatch):
    monkeypatch.setenv("HOME", "/")
    refresh(table, "--reason", "train/test split")
    assert sidecar(registry)["provenance"]["reason"] == "train/test split"


def test_the_instruction_set_is_in_the_provenance_and_older_sidecars_do_without(duo, registry, refresh, table):
    refresh(table)
    refresh(table, "--force")
    document = sidecar(registry)
    assert document["provenance"].pop("cpu_capability") == torch.backends.cpu.get_cpu_capability()
    assert document["drift"].pop("target") == {"column": "vmaf", "mean_shift": 0.0, "std_ratio": 1.0}
    assert list(violations("sidecar", document)) == []


def test_undecodable_bytes_in_a_name_or_a_reason_end_in_no_traceback(duo, registry, refresh, table):
    table = table.rename(table.with_name(os.fsdecode(b"t\xff.parquet")))
    ran = refresh(table, "--reason", os.fsdecode(b"because \xff"))
    assert (ran.code, ran.json.get("status")) == (0, "published"), ran.json
    texts = [path.read_bytes().decode("utf-8") for path in registry.iterdir() if path.suffix in {".json", ".md"}]
    assert not any("udcff" in text for text in texts)


# --- refused


def test_shuffled_targets_are_refused_and_nothing_changes(duo, registry, refresh, table, shuffled, digests, tmp_path):
    refresh(table)
    before = digests(registry)
    metrics = tmp_path / "metrics.json"
    ran = refresh(shuffled, "--metrics-out", metrics)
    assert (ran.code, ran.json["status"]) == (3, "refused")
    assert digests(registry) == before
    document = json.loads(metrics.read_text())
    assert document == ran.json
    [plcc] = [v for v in document["gate"] if v["criterion"] == "min PLCC over folds >= 0.8"]
    assert plcc["passed"] is False
    assert plcc["value"] == pytest.approx(document["evaluation"]["summary"]["plcc"]["min"])
    assert document["artifact"] is None


SMALL = {'"<=", 9.0))': '"<=", 9.0), Criterion("bytes", "max", "<=", 900, part="artifacts"))'}


def test_an_exported_file_that_is_too_large_is_a_refusal_like_any_other(
    tinyai, duo_as, registry, refresh, table, digests
):
    duo_as({**SMALL, "900": "9"})
    before = digests(registry)
    ran = refresh(table)
    assert (ran.code, ran.json["status"]) == (3, "refused")
    last = ran.json["gate"][-1]
    assert (last["criterion"], last["passed"]) == ("max BYTES over artifacts <= 9", False)
    assert last["value"] > 9
    assert [v["passed"] for v in ran.json["gate"][:-1]] == [True, True, True]
    assert digests(registry) == before
    [entry] = tinyai("log", "duo_v1", "--registry", registry, "--json").json["entries"]
    assert (entry["action"], entry["account"]["gate"]) == ("refuse", ran.json["gate"])


def test_a_criterion_on_artifacts_is_recorded_and_judged_again_by_a_validation(
    tinyai, duo_as, registry, refresh, table
):
    duo_as(SMALL)
    assert refresh(table).json["status"] == "published"
    document = sidecar(registry)
    largest = max(artifact["bytes"] for artifact in document["artifacts"])
    assert document["gate"][-1] == {
        "criterion": "max BYTES over artifacts <= 900",
        "value": largest,
        "passed": True,
    }
    assert tinyai("validate", registry).code == 0


def test_an_evaluation_exports_nothing_and_judges_no_artifact(tinyai, duo_as, table):
    duo_as({**SMALL, "900": "9"})
    ran = tinyai("evaluate", "duo_v1", "--table", table, "--json")
    assert ran.code == 0
    assert not any("ARTIFACTS" in verdict["criterion"] for verdict in ran.json["gate"])


def test_a_refusal_says_to_people_which_criterion_refused(tinyai, duo, registry, shuffled):
    ran = tinyai("refresh", "duo_v1", "--table", shuffled, "--registry", registry)
    assert ran.code == 3
    assert re.search(r"refused\s+min PLCC over folds >= 0.8: -?0\.\d+", ran.err)
    told = "duo_v1 refused by its gate; no file of its release has changed, and "
    assert f"{told}the log has the refusal: tinyai log duo_v1" in ran.err
    assert ran.err.splitlines()[-1].startswith("next: look at the folds above, and at the table")
    assert ran.out == ""
    assert tinyai("log", "duo_v1", "--registry", registry, "--json").json["entries"][-1]["action"] == "refuse"
    ran = tinyai("refresh", "duo_v1", "--table", shuffled, "--registry", registry, "--dry-run")
    assert f"{told}this was a dry run" in ran.err


def _constant(frame):
    return frame.assign(vmaf=frame.vmaf.where(frame.source != "CityNight", 80.0))


def _one_row(frame):
    other = frame.source != "CityNight"
    return frame[other | ~frame.source.duplicated()]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [(_constant, r"CityNight: the target is constant \(80\)"), (_one_row, "CityNight: (1|one) row")],
    ids=["constant target", "one row"],
)
def test_a_fold_without_a_correlation_refuses_and_names_the_reason(
    duo_as, registry, refresh, frame, write_table, digests, spoil, reason
):
    duo_as(LOSO | LENIENT)
    assert refresh(write_table(frame)).code == 0
    before = digests(registry)
    ran = refresh(write_table(spoil(frame), "spoilt.parquet"))
    assert (ran.code, ran.json["status"]) == (3, "refused")
    [plcc] = [v for v in ran.json["gate"] if "PLCC" in v["criterion"]]
    assert (plcc["value"], plcc["passed"]) == (None, False)
    assert re.search(reason, plcc["reason"])
    [fold] = [f for f in ran.json["evaluation"]["folds"] if f["group"] == "CityNight"]
    assert fold["plcc"] is None
    assert ran.json["evaluation"]["summary"]["plcc"]["mean"] is None
    assert digests(registry) == before


# --- caveats


def test_weak_folds_and_ties_are_caveats_each_with_its_figures(duo_as, registry, refresh, frame, write_table):
    duo_as(LOSO | {"9.0)": "99.0)", '"min", ">=", 0.8)': '"mean", ">=", 0.6)'})
    noise = np.random.default_rng(0).uniform(0, 100, len(frame))
    weak = frame.source.isin(["CityNight", "OfficeWalk"])
    tied = frame.source == "FlowerBloom"
    vmaf = frame.vmaf.where(~weak, (frame.vmaf + noise) / 2).where(~tied, np.round(frame.vmaf / 10) * 10)
    ran = refresh(write_table(frame.assign(vmaf=vmaf)))
    assert ran.code == 0, ran.err
    folds = {fold["group"]: fold for fold in ran.json["evaluation"]["folds"]}
    told = {c["message"].split(":")[0]: c["message"] for c in ran.json["caveats"] if c["code"] == "weak-fold"}
    for group in ("CityNight", "OfficeWalk"):
        assert f"PLCC {folds[group]['plcc']:.4f}" in told[group]
        assert f"SROCC {folds[group]['srocc']:.4f}" in told[group]
    [ties] = [c["message"] for c in ran.json["caveats"] if c["code"] == "tied-targets"]
    assert ties.startswith(f"FlowerBloom: {folds['FlowerBloom']['tied_targets']:.1%}")
    card = (registry / "duo_v1.md").read_text()
    assert all(caveat["message"] in card for caveat in ran.json["caveats"])


def test_a_group_named_like_terminal_markup_is_shown_as_it_is(tinyai, duo_as, registry, frame, write_table):
    duo_as(LOSO | LENIENT)
    named = frame.assign(source=frame.source.replace({"RedMaples": "Red[/b]Maples", "CityNight": "[red]Night"}))
    ran = tinyai("refresh", "duo_v1", "--table", write_table(named), "--registry", registry)
    assert ran.code == 0
    assert "caveat  Red[/b]Maples" in ran.err
    assert "[red]Night" in ran.err


def test_an_empty_group_name_is_refused_before_it_makes_a_sidecar_that_nobody_accepts(
    duo_as, registry, refresh, frame, write_table, digests
):
    duo_as(LOSO | LENIENT)
    before = digests(registry)
    ran = refresh(write_table(frame.assign(source=frame.source.replace({"CityNight": ""}))))
    assert ran.code == 2
    assert digests(registry) == before


# --- the recipe lock

CHANGES = {
    "a criterion": ({"0.8)": "0.7)"}, r"criteria.*0\.8.* registered.*0\.7.* now"),
    "the order of columns": (
        {'"vif_scale0", "vif_scale1"': '"vif_scale1", "vif_scale0"'},
        r"inputs.*vif_scale0.* registered.*vif_scale1.* now",
    ),
    "the kind": ({'kind="nr"': 'kind="fr"'}, "kind: nr registered, fr now"),
    "the seed, once default": ({"scaler_in_graph=True": "scaler_in_graph=True, seed=7"}, "seed: default registered, 7"),
}


@pytest.mark.parametrize(("change", "told"), CHANGES.values(), ids=CHANGES)
def test_a_changed_recipe_exits_4_with_the_difference_and_changes_nothing(
    duo, duo_as, registry, refresh, table, digests, change, told
):
    refresh(table)
    before = digests(registry)
    duo_as(change, version="1.1")
    ran = refresh(table, "--force")
    assert ran.code == 4
    assert re.search(told, ran.json["error"]["message"])
    assert digests(registry) == before


def test_words_about_a_model_may_change_without_a_new_recipe(duo, duo_as, registry, refresh, table):
    refresh(table)
    duo_as(
        {'"A linear model on two inputs."': '"A plane through two inputs."', '"ADR-0002"': '"ADR-0003"'}, version="1.1"
    )
    assert refresh(table).json["status"] == "published"
    assert "A plane through two inputs." in (registry / "duo_v1.md").read_text()


# --- a registry that another tool wrote


def _foreign_row(**more) -> dict:
    return {
        "sigstore_bundle": "duo_v1.onnx.sigstore.json",
        "id": "duo_v1",
        "kind": "nr",
        "onnx": "duo_v1.onnx",
        "opset": 17,
        "notes": "Old.",
        "license": "Apache-2.0",
        "license_url": "https://example.org/licence",
        "quant_mode": "dynamic",
        "quant_accuracy_budget_plcc": 0.01,
        "team": {"z": 1, "a": [None, "caf\u00e9"]},
        **more,
    }


def _foreign_sidecar(**more) -> dict:
    return {
        "feature_mean": [0.5, 0.6, 0.9, 5.0],
        "feature_order": FEATURES,
        "feature_std": [0.1, 0.1, 0.1, 2.0],
        "id": "duo_v1",
        "input_names": ["spatial", "temporal"],
        "kind": "nr",
        "onnx": "duo_v1.onnx",
        "opset": 17,
        "output_names": ["score"],
        "training": {"dataset": "elsewhere", "loso_mean_plcc": 0.9977, "n_pairs": 70, "in_sample_plcc": 0.9983},
        **more,
    }


NEIGHBOURS = (
    {"sha256": "f" * 64, "onnx": "zebra.onnx", "kind": "fr", "id": "zebra_v1", "gain": 0.5, "name": "Z\u00e8bre"},
    {"id": "broken_v1", "kind": 7, "onnx": 7},
    {"no": "id"},
    "not even an object",
)


@pytest.fixture
def foreign(registry):
    """Writes ``duo_v1`` as another tool would have: ``foreign(sidecar=..., neighbours=...)``."""

    def make(document=None, neighbours=NEIGHBOURS) -> Path:
        weights = onnx.numpy_helper.from_array(np.ones((4, 1), np.float32), "w")
        model = onnx.parser.parse_model(
            '<ir_version: 8, opset_import: ["": 17]> duo (float[N, 4] x) => (float[N, 1] y) { y = MatMul(x, w) }'
        )
        model.graph.initializer.append(weights)
        file = registry / "duo_v1.onnx"
        onnx.save(model, file, save_as_external_data=True, location="duo_v1.weights", size_threshold=0)
        (registry / "duo_v1.int8.onnx").write_bytes(b"the twin")
        (registry / "duo_v1.onnx.sigstore.json").write_text("{}")
        twin = hashlib.sha256(b"the twin").hexdigest()
        ours = _foreign_row(sha256=hashlib.sha256(file.read_bytes()).hexdigest(), int8_sha256=twin)
        models = [*neighbours[:1], ours, *neighbours[1:]]
        index = {"$schema": "./elsewhere.json", "schema_version": 0, "models": models, "owner": "them"}
        (registry / "registry.json").write_text(json.dumps(index, indent=2) + "\n", encoding="ascii")
        (registry / "duo_v1.json").write_text(json.dumps(document or _foreign_sidecar()), encoding="ascii")
        return registry

    return make


def test_keys_that_another_tool_wrote_survive(duo, foreign, refresh, table):
    registry = foreign()
    old = row(registry)
    assert refresh(table).json["status"] == "published"
    new = row(registry)
    twin = {"quant_mode", "int8_sha256", "quant_accuracy_budget_plcc"}
    ours = {"sha256", "notes", *twin}
    assert {k: v for k, v in new.items() if k not in ours} == {k: v for k, v in old.items() if k not in ours}
    assert set(old) - set(new) == twin
    assert list(new) == sorted(new)


def test_orphaned_weights_and_a_stale_twin_are_withdrawn_and_reported(tinyai, duo, foreign, refresh, table):
    registry = foreign(neighbours=())
    assert (registry / "duo_v1.weights").is_file()
    ran = refresh(table)
    assert sorted(ran.json["withdrawn"]) == ["duo_v1.int8.onnx", "duo_v1.weights"]
    assert sorted(path.name for path in registry.iterdir() if path.is_file()) == [
        ".gitattributes",
        "duo_v1.intoto.json",
        "duo_v1.json",
        "duo_v1.md",
        "duo_v1.onnx",
        "duo_v1.onnx.sigstore.json",
        "duo_v1.plain.onnx",
        "duo_v1.svg",
        "registry.json",
    ]
    [caveat] = [c for c in ran.json["caveats"] if c["code"] == "withdrawn-files"]
    assert "duo_v1.weights" in caveat["message"]
    assert "duo_v1.int8.onnx" in caveat["message"]
    assert tinyai("validate", registry).code == 0


def test_a_signature_of_the_old_bytes_is_told_and_stands_in_no_file_of_the_release(duo, foreign, refresh, table):
    registry = foreign()
    ran = refresh(table)
    assert ran.json["unsigned"].startswith("duo_v1.onnx.sigstore.json: ")
    files = [path for path in registry.glob("duo_v1*") if b"sigstore" in path.read_bytes()]
    assert files == []  # they are pinned, and a signature that is made later would make them untrue


def test_adoption_is_recorded_with_the_fields_that_agreed(duo, foreign, refresh, table):
    registry = foreign()
    ran = refresh(table)
    adopted = ran.json["previous"]["adopted"]
    assert set(adopted) == {"kind", "feature_order", "input_names", "output_names", "opset"}
    assert sidecar(registry)["previous"]["adopted"] == adopted
    assert ran.json["previous"]["metrics"] == {"mean_plcc": 0.9977, "in_sample_plcc": 0.9983}
    assert ran.json["drift"]["target_before"] is None
    assert len(ran.json["drift"]["inputs"]) == 4


@pytest.mark.parametrize(
    "disagreement",
    [
        {"feature_order": FEATURES[::-1]},
        {"opset": 16},
        {"onnx_opset": 18},
        {"kind": "fr"},
        {"input_names": ["temporal", "spatial"]},
        {"input_name": "temporal"},
        {"output_names": ["mos"]},
    ],
    ids=lambda d: next(iter(d)),
)
def test_a_foreign_sidecar_that_disagrees_with_the_recipe_exits_4(duo, foreign, refresh, table, digests, disagreement):
    registry = foreign(_foreign_sidecar(**disagreement))
    before = digests(registry)
    ran = refresh(table)
    assert ran.code == 4
    assert re.search(rf"\b{next(iter(disagreement))}(\[0\])?: .* registered, .* now", ran.json["error"]["message"])
    assert digests(registry) == before


@pytest.mark.parametrize(
    "oddity",
    [
        {"feature_mean": [0.5], "feature_std": [0.1]},
        {"feature_mean": []},
        {"training": {"mean_plcc": "n/a", "loso_mean_plcc": 0.9}},
        {"training": {}},
        {"artifacts": "elsewhere"},
    ],
    ids=str,
)
def test_an_odd_foreign_sidecar_is_refused_in_one_line_or_left_behind(duo, foreign, refresh, table, digests, oddity):
    registry = foreign(_foreign_sidecar(**oddity))
    before = digests(registry)
    ran = refresh(table)
    if ran.code != 0:
        assert ran.code == 2
        assert "duo_v1.json" in ran.json["error"]["message"]
        assert digests(registry) == before
    else:
        assert list(violations("sidecar", sidecar(registry))) == []


def test_neighbours_are_not_judged_and_keep_even_the_order_of_their_keys(duo, foreign, refresh, table):
    registry = foreign()
    old = json.loads((registry / "registry.json").read_text())
    assert refresh(table).code == 0
    new = json.loads((registry / "registry.json").read_text())
    assert list(new) == list(old)
    assert {k: v for k, v in new.items() if k != "models"} == {k: v for k, v in old.items() if k != "models"}
    others = [json.dumps(model) for model in new["models"] if model != row(registry)]
    assert others == [json.dumps(model) for model in NEIGHBOURS]


@pytest.mark.parametrize("onnx_key", [["a", "list"], {"an": "object"}, None, "../../outside.onnx", "\0"], ids=repr)
def test_a_neighbour_with_an_impossible_file_name_stops_nothing(duo, foreign, refresh, table, onnx_key):
    foreign(neighbours=({"id": "broken_v1", "onnx": onnx_key},))
    assert refresh(table).json["status"] == "published"


def test_only_the_lines_of_that_row_differ(duo, foreign, refresh, table):
    registry = foreign()

    def around() -> tuple[str, str]:
        text = (registry / "registry.json").read_text(encoding="ascii")
        at = text.index('"id": "duo_v1"')
        return text[: text.rindex("\n    {", 0, at)], text[text.index("\n    }", at) :]

    before = around()
    refresh(table)
    assert around() == before


def test_a_new_row_is_inserted_by_id(duo, registry, refresh, table):
    ids = ["alpha_v1", "zebra_v1"]
    rows = [{"id": i, "kind": "fr", "onnx": f"{i}.onnx", "sha256": "0" * 64} for i in ids]
    (registry / "registry.json").write_text(json.dumps({"models": rows, "schema_version": 1}))
    refresh(table)
    models = json.loads((registry / "registry.json").read_text())["models"]
    assert [model["id"] for model in models] == ["alpha_v1", "duo_v1", "zebra_v1"]
    assert row(registry)["license"] == "MIT"


def test_a_neighbours_files_stay_even_where_the_old_graph_claims_to_read_them(duo, foreign, refresh, table):
    registry = foreign()
    (registry / "zebra.json").write_text("{}")
    model = onnx.load(registry / "duo_v1.onnx")
    onnx.external_data_helper.convert_model_to_external_data(model, location="zebra.weights", size_threshold=0)
    model.graph.initializer[0].external_data[0].value = "zebra.json"
    model.graph.initializer[0].ClearField("raw_data")
    model.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
    (registry / "duo_v1.onnx").write_bytes(model.SerializeToString())
    assert refresh(table).code == 0
    assert (registry / "zebra.json").read_text() == "{}"


def test_the_real_registry_of_another_tool_keeps_its_other_models(tinyai, duo, shared, tmp_path, table, digests):
    registry = tmp_path / "real"
    shutil.copytree(shared / "real-registry", registry, copy_function=shutil.copyfile)
    registry.chmod(0o755)
    before = digests(registry)
    ran = tinyai("refresh", "duo_v1", "--table", table, "--registry", registry, "--json")
    assert ran.json["status"] == "published"
    after = digests(registry)
    assert {name: after[name] for name in before if name != "registry.json"} == {
        name: digest for name, digest in before.items() if name != "registry.json"
    }
    old = json.loads((shared / "real-registry" / "registry.json").read_text())["models"]
    new = json.loads((registry / "registry.json").read_text())["models"]
    assert [model for model in new if model["id"] != "duo_v1"] == old


# --- what every release is held to


def test_a_table_that_does_not_exist_is_an_error_and_never_a_fallback(
    tinyai, duo, registry, table, digests, tmp_path, monkeypatch
):
    (tmp_path / "tinyai.toml").write_text(f'[registry]\npath = "registry"\n[tables]\nstand-in = "{table.name}"\n')
    monkeypatch.chdir(tmp_path)
    before = digests(registry)
    ran = tinyai("refresh", "duo_v1", "--table", "nowhere.parquet", "--json")
    assert ran.code == 2
    assert "nowhere.parquet" in ran.json["error"]["message"]
    assert digests(registry) == before
    table.unlink()
    ran = tinyai("refresh", "duo_v1", "--json")
    assert ran.code == 2
    assert table.name in ran.json["error"]["message"]


def test_two_processes_in_two_folders_make_the_same_bytes(duo, tinyai, table, tmp_path):
    made = []
    for name in ("here", "there"):
        folder = tmp_path / name
        tinyai("init", folder / "registry")
        words = [
            sys.executable,
            "-m",
            "tinyai_registry.cli",
            "refresh",
            "duo_v1",
            "--table",
            os.path.relpath(table, folder),
        ]
        words[1:3] = ["-c", "from tinyai_registry.cli.app import main; main()"]
        done = subprocess.run(
            [*words, "--registry", "registry"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(duo), "PYTHONHASHSEED": str(len(made))},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        files = {path.name: path.read_bytes() for path in (folder / "registry").glob("*.onnx")}
        made.append((files, sidecar(folder / "registry")["artifacts"]))  # with their test vectors
    assert made[0] == made[1]
    assert sorted(files) == ["duo_v1.onnx", "duo_v1.plain.onnx"]


def test_no_file_names_the_home_folder_or_that_of_the_table(duo, foreign, refresh, table, tmp_path):
    registry = foreign()
    note = tmp_path / "note.md"
    refresh(table, "--reason", f"in {Path.home()}/x", "--note", note)
    assert table.name in note.read_text()
    for path in [note, *(path for path in registry.rglob("*") if path.is_file())]:
        data = path.read_bytes()
        assert str(Path.home()).encode() + b"/" not in data, path.name
        assert str(tmp_path).encode() not in data, path.name


def test_the_c_reader_finds_the_values_at_top_level(duo, registry, refresh, table, c_read):
    refresh(table, "--reason", 'the "kind" of change, and "onnx_opset": 99, that a reader trips over')
    text, document = (registry / "duo_v1.json").read_text(encoding="ascii"), sidecar(registry)
    assert len(text.encode()) <= 1024 * 1024
    for key in ("kind", "name", "input_name", "output_name", "onnx_opset"):
        assert c_read(text, key) == document[key], key
    for key in ("output_names", "feature_order"):
        assert c_read(text, key) == document[key], key
    assert c_read(text, "onnx_has_scaler") is True
    for key in ("quant_mode", "encoder_vocab", "feature_mean", "input_mean", "feature_std", "input_std"):
        assert f'"{key}"' not in text
