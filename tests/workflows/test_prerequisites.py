"""What can be known before the training is said before it."""

from __future__ import annotations

import errno
import json
import os

import numpy as np
import pandas as pd
import pytest

from tinyai_registry.store import durable
from tinyai_registry.store.rehearsal import rehearse

POLICY = (
    "from tinyai_registry import Criterion, hookimpl\n@hookimpl\ndef tinyai_gate(recipe, evaluation, previous):\n    "
)


@pytest.fixture
def table(tinyai_table):
    return tinyai_table


@pytest.fixture
def refused(refresh, table, registry, digests, tinyai_calls):
    """Refreshes; asserts that it was refused before anything was trained, with nothing changed; returns the message."""

    def run(*words, code: int = 2) -> str:
        before = digests(registry)
        tinyai_calls.clear()
        ran = refresh(table, *words)
        assert ran.code == code, ran.err
        assert "tinyai_train" not in [call.hook for call in tinyai_calls]
        assert digests(registry) == before
        message = ran.json["error"]["message"]
        assert "\n" not in message
        return message

    return run


def index(registry, *rows) -> None:
    (registry / "registry.json").write_text(json.dumps({"models": rows, "schema_version": 1}))


def row(model, onnx, **more) -> dict:
    return {"id": model, "kind": "nr", "onnx": onnx, "sha256": "0" * 64, **more}


# --- a registry that cannot be written


def test_a_registry_on_a_disk_that_is_read_only_is_refused(duo, refused, registry, monkeypatch):
    mkdir = os.mkdir

    def read_only(path, *more):
        if str(path).startswith(str(registry)):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        mkdir(path, *more)

    monkeypatch.setattr(os, "mkdir", read_only)
    assert refused() == f"cannot publish into {registry}: Read-only file system; nothing was trained"


def test_a_disk_that_is_full_is_one(duo, refused, registry, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("tinyai_registry.store.durable.stage", full)
    assert "No space left on device; nothing was trained" in refused()
    assert list((registry / ".tinyai" / "pending").iterdir()) == []


def test_a_folder_in_it_that_cannot_be_written_is_named(duo, refused, registry, monkeypatch):
    monkeypatch.setattr(os, "access", lambda folder, _: folder != registry / ".tinyai")
    assert f"{registry / '.tinyai'} cannot be written" in refused()


def test_a_dry_run_needs_no_right_to_write(duo, refresh, table, monkeypatch):
    monkeypatch.setattr(os, "access", lambda _, mode: not mode & os.W_OK)
    assert refresh(table, "--dry-run").code == 0


def test_a_rehearsal_leaves_nothing_behind(duo, refresh, table, registry):
    assert refresh(table).code == 0
    assert list((registry / ".tinyai" / "pending").iterdir()) == []


# --- a name that is taken

TAKEN = {
    "a file that another row names": (row("other_v1", "duo_v1.onnx"), "name the file duo_v1.onnx"),
    "the same in another case": (row("other_v1", "Duo_v1.onnx"), "name the file"),
    "an id that looks alike": (row("duo_vl", "duo_vl.onnx"), None),
    "an id in another case": (row("DUO_V1", "other.onnx"), "have ids that look alike"),
}


@pytest.mark.parametrize(("other", "told"), TAKEN.values(), ids=TAKEN)
def test_a_name_that_another_model_has_is_refused(duo, refresh, refused, registry, table, other, told):
    index(registry, other)
    if told is None:  # l for 1 is not what validate calls alike
        assert refresh(table).code == 0
        return
    message = refused()
    assert "the name duo_v1 is taken" in message
    assert told in message
    assert message.endswith("give the model another id, or remove the other row")


ENSEMBLE = {
    "import CardText": "import MLP, AdamW, Ensemble, CardText",
    'kind="nr",': 'kind="nr", ensemble=Ensemble(2, separate=True), architecture=MLP((4,)), '
    "training=AdamW(0.01, 0.0, 64, 3),",
    "0.8)": "-1.0)",
    "9.0)": "999.0)",
    "@hookimpl\ndef tinyai_train": "def _train",
    "@hookimpl\ndef tinyai_export": "def _export",
}


def test_a_member_whose_name_is_taken_is_refused_and_the_ensembles_own_members_are_not(
    duo_as, refresh, registry, table, tinyai_calls
):
    duo_as(ENSEMBLE)
    index(registry, row("duo_v1_seed1", "elsewhere.onnx"))
    ran = refresh(table)
    assert ran.code == 2
    assert "the name duo_v1_seed1 is taken" in ran.json["error"]["message"]
    assert tinyai_calls == []
    index(registry)
    assert refresh(table).code == 0
    assert refresh(table, "--force").code == 0


def test_a_member_of_another_ensemble_is_not_refreshed_alone(duo, refresh, refused, registry, table):
    assert refresh(table).code == 0
    document = json.loads((registry / "duo_v1.json").read_text())
    (registry / "duo_v1.json").write_text(json.dumps({**document, "member_of": "trio_v1"}))
    assert "duo_v1 is registered as a member of the ensemble trio_v1" in refused("--force")


# --- a licence that is none


def test_a_licence_that_is_none_is_refused_unless_the_row_has_one(duo_as, refresh, refused, registry, table):
    duo_as({'    license="MIT"': '    license="BSD-3-Clause-Plus-Patent"'})
    message = refused()
    assert message.startswith(
        "the licence of duo_v1 would not pass `tinyai validate`: BSD-3-Clause-Plus-Patent is no SPDX"
    )
    index(registry, row("duo_v1", "duo_v1.onnx", license="MIT"))
    assert "licence" not in refresh(table, "--dry-run").err


# --- a gate that cannot be judged


def test_a_metric_that_nothing_computes_is_refused(duo_as, refused):
    duo_as({"@hookimpl\ndef tinyai_evaluate": "def _evaluate"})
    message = refused()
    assert message.startswith("the gate of duo_v1 can never be passed: mean MAE over folds <= 9 cannot be judged")
    assert "plugin duo (tinyai-duo 1.0) has no tinyai_evaluate" in message


POLICIES = {
    "a test split that there is none of": (
        'return [Criterion("plcc", "mean", ">=", 0.5, part="test")]',
        "PLCC on the test split >= 0.5 cannot be judged, as KFold sets no test split aside",
    ),
    "a reference that there is none of": (
        'return [Criterion("rmse", "mean", "<=", 1, against="ratio")]',
        "the recipe declares no reference model",
    ),
}


@pytest.mark.parametrize(("source", "told"), POLICIES.values(), ids=POLICIES)
def test_a_policy_that_can_not_hold_is_refused(install, duo, refused, tmp_path, monkeypatch, source, told):
    install("house", POLICY + source)
    (tmp_path / "tinyai.toml").write_text('[policy]\nplugins = ["house"]\n')
    monkeypatch.chdir(tmp_path)
    assert told in refused()


def test_a_policy_that_needs_figures_is_asked_when_there_are_some(install, duo, refresh, table, tmp_path, monkeypatch):
    install("house", POLICY + 'return [Criterion("plcc", "min", ">=", evaluation.folds[0].metrics.values["plcc"] + 1)]')
    (tmp_path / "tinyai.toml").write_text('[policy]\nplugins = ["house"]\n')
    monkeypatch.chdir(tmp_path)
    assert (ran := refresh(table)).code == 3
    assert len(ran.json["gate"]) == 4


# --- a table that does not do


def test_a_protocol_that_the_table_cannot_be_cut_for_is_refused(duo_as, refused):
    protocol = "protocols=(Protocol('many', GroupKFold(12)),), scaler_in_graph=True"
    duo_as({"scaler_in_graph=True": protocol, "import CardText": "import GroupKFold, Protocol, CardText"})
    assert "11 groups cannot be cut into 12 parts" in refused()


def test_folds_that_no_sidecar_can_hold_are_refused(duo_as, refused, table):
    duo_as({"KFold(3)": "LeaveOneGroupOut()", "Input, KFold": "Input, LeaveOneGroupOut"})
    rows = pd.read_parquet(table)
    rows.assign(source=[f"{row:0800}" for row in range(len(rows))]).to_parquet(table)
    message = refused()
    assert "480 groups and 480 folds would make a sidecar of " in message
    assert "GroupKFold" in message


def test_a_target_of_another_scale_never_reaches_the_training(duo, refresh, frame, write_table, tinyai_calls):
    ran = refresh(write_table(frame.assign(vmaf=frame.vmaf / 100)))
    assert ran.code == 2
    assert "another scale" in ran.json["error"]["message"]
    assert tinyai_calls == []


# --- what is written beside


@pytest.mark.parametrize("option", ["--metrics-out", "--note"])
def test_an_output_file_that_cannot_be_written_is_said_first(duo, refused, tmp_path, option, monkeypatch):
    assert "cannot write" in refused(option, tmp_path / "nowhere" / "out")
    assert "cannot write" in refused(option, tmp_path)
    monkeypatch.setattr(os, "access", lambda _, mode: not mode & os.W_OK)
    assert f"cannot write {tmp_path / 'out'}: no right to" in refused(option, tmp_path / "out")


def test_half_of_a_source_under_a_second_name_is_no_better_score(duo, refused, frame, write_table, refresh):
    half = np.arange(len(frame)) % 2 == 0
    table = write_table(frame.assign(source=frame.source.where(half, frame.source + " ")))
    ran = refresh(table)
    assert ran.code == 2
    assert "which differ in case, blanks or Unicode form alone" in ran.json["error"]["message"]


def test_a_rehearsal_whose_workplace_another_writer_takes_is_no_failure(registry, monkeypatch):
    real = durable.read_bytes

    def taken(path, limit):
        path.unlink()
        return real(path, limit)

    monkeypatch.setattr(durable, "read_bytes", taken)
    rehearse(registry, "duo_v1")
    assert list((registry / ".tinyai" / "pending").iterdir()) == []
