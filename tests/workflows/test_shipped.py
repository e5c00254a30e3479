"""The registered model on the fresh table, beside its refresh."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tinyai_registry.documents import card, note
from tinyai_registry.evaluation import Aggregate, Evaluation, Metrics, Shipped
from tinyai_registry.evaluation.caveats import shipped_caveats


@pytest.fixture
def halves(frame, write_table) -> list[Path]:
    """An older table, and a fresh one whose targets lie 5 points lower."""
    older, fresh = frame.iloc[::2], frame.iloc[1::2]
    return [write_table(older, "older.parquet"), write_table(fresh.assign(vmaf=fresh.vmaf - 5), "fresh.parquet")]


def sidecar(registry: Path) -> dict:
    return json.loads((registry / "duo_v1.json").read_text(encoding="ascii"))


def test_the_first_release_has_nothing_to_be_compared_with(duo, registry, refresh, halves):
    assert refresh(halves[0]).json["shipped"] is None
    assert sidecar(registry)["shipped"] is None


def test_a_stale_model_shows_how_stale_it_is(tinyai, duo, registry, refresh, halves):
    first = refresh(halves[0]).json
    ran = refresh(halves[1]).json
    assert ran["status"] == "published"
    shipped = ran["shipped"]
    assert shipped["sha256"] == first["artifact"]["sha256"]
    before, now = shipped["summary"]["rmse"]["mean"], ran["evaluation"]["summary"]["rmse"]["mean"]
    assert before > now + 1  # it is five points off
    assert shipped["summary"]["plcc"]["mean"] == pytest.approx(ran["evaluation"]["summary"]["plcc"]["mean"], abs=0.02)
    document = sidecar(registry)
    assert document["shipped"] == shipped
    for page in (card.render(document), note.render(document)):
        assert "On the same rows of this table" in page
        assert f"| mean RMSE | {before:.4f} | {now:.4f} | {now - before:+.4f} |" in page
    assert tinyai("validate", registry).code == 0


def test_it_is_shown_to_people(tinyai, duo, registry, refresh, halves):
    refresh(halves[0])
    ran = tinyai("refresh", "duo_v1", "--table", halves[1], "--registry", registry, "--dry-run")
    assert "on this table" in ran.err
    assert ran.code == 0


def test_a_refusal_shows_it_too(duo, registry, refresh, frame, write_table):
    refresh(write_table(frame))
    shuffled = frame.assign(vmaf=np.random.default_rng(0).permutation(frame.vmaf))
    ran = refresh(write_table(shuffled, "shuffled.parquet"))
    assert ran.code == 3
    assert ran.json["shipped"]["summary"]["rmse"]["mean"] > 0


def _other_column(registry: Path) -> None:
    document = sidecar(registry)
    del document["recipe"], document["recipe_fingerprint"]
    (registry / "duo_v1.json").write_text(json.dumps(document))


def _edit(registry: Path, **row) -> None:
    path = registry / "registry.json"
    document = json.loads(path.read_text())
    document["models"][0] |= row
    path.write_text(json.dumps(document))


SPOILT = {
    "another file than the registered one": lambda r: (r / "duo_v1.onnx").write_bytes(b"another"),
    "no file": lambda r: (r / "duo_v1.onnx").unlink(),
    "no graph": lambda r: (
        (r / "duo_v1.onnx").write_bytes(b"no graph"),
        _edit(r, sha256="c2e41f4ab0b2f4e1f9b5b1dbe7d7d5ff8f4fd7f1b4d5b3c4aef2d1a9c8b7a6f5"),
    ),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_registered_model_that_cannot_be_run_is_replaced_and_the_reason_recorded(
    tinyai, duo, registry, refresh, halves, spoil
):
    refresh(halves[0])
    spoil(registry)
    ran = refresh(halves[1])
    assert (ran.code, ran.json["status"]) == (0, "published"), ran.json
    assert ran.json["shipped"]["summary"] is None
    assert ran.json["shipped"]["why"]
    assert str(registry) not in (registry / "duo_v1.json").read_text()
    assert "could not be run on this table" in (registry / "duo_v1.md").read_text()
    assert tinyai("validate", registry).code == 0


# --- the caveat


def codes(document: dict) -> set[str]:
    return {caveat["code"] for caveat in document["caveats"]}


def test_a_release_of_other_rows_is_told_that_the_model_before_does_better(duo, refresh, frame, write_table):
    refresh(write_table(frame))
    ran = refresh(write_table(frame.iloc[:-8], "fewer.parquet")).json
    assert ran["shipped"]["summary"]["rmse"]["mean"] < ran["evaluation"]["summary"]["rmse"]["mean"]
    assert "worse-than-shipped" in codes(ran)


def test_a_model_of_the_same_rows_in_another_file_is_not_told_that_it_is_better_than_itself(
    duo, refresh, frame, write_table
):
    first = refresh(write_table(frame)).json
    ran = refresh(write_table(frame.assign(note=1), "noted.parquet")).json
    assert (ran["status"], ran["artifact"]["sha256"]) == ("published", first["artifact"]["sha256"])
    assert ran["table"]["sha256"] != first["table"]["sha256"]
    assert ran["shipped"]["summary"]["rmse"]["mean"] < ran["evaluation"]["summary"]["rmse"]["mean"]
    assert "worse-than-shipped" not in codes(ran)


def test_nor_is_the_same_file_whatever_table_its_sidecar_names(duo, registry, refresh, frame, write_table):
    refresh(write_table(frame))
    made = sidecar(registry)
    made["table"] |= {"sha256": "0" * 64, "rows": 7}
    (registry / "duo_v1.json").write_text(json.dumps(made))
    shutil.rmtree(registry / ".tinyai")
    ran = refresh(write_table(frame)).json
    assert (ran["status"], ran["artifact"]["sha256"]) == ("published", made["sha256"])
    assert ran["shipped"]["summary"]["rmse"]["mean"] < ran["evaluation"]["summary"]["rmse"]["mean"]
    assert "worse-than-shipped" not in codes(ran)


def over(**means):
    return {name: Aggregate(mean, None, mean, mean, mean, 0.0) for name, mean in means.items()}


def caveats(before, now):
    of = Evaluation((), (), over(**now), Metrics({}))
    return [caveat.message for caveat in shipped_caveats(Shipped("0" * 64, over(**before)), of)]


GOOD = {"plcc": 0.99, "srocc": 0.98, "rmse": 2.0}


def test_a_refresh_that_is_as_good_or_better_has_no_caveat():
    assert caveats(GOOD, GOOD) == []
    assert caveats(GOOD, {"plcc": 1.0, "srocc": 0.99, "rmse": 1.5}) == []


@pytest.mark.parametrize("worse", [{"plcc": 0.98}, {"srocc": 0.97}, {"rmse": 2.5}], ids=str)
def test_a_refresh_that_is_worse_in_one_figure_says_so(worse):
    [message] = caveats(GOOD, GOOD | worse)
    [(name, value)] = worse.items()
    assert f"mean {name.upper()} {value:.4f}, before {GOOD[name]:.4f}" in message
    assert "may have been trained on these rows or on their content" in message


def test_what_could_not_be_run_is_no_better():
    assert list(shipped_caveats(Shipped(None, None, "no file"), Evaluation((), (), over(**GOOD), Metrics({})))) == []
