"""What a gate may ask beside the folds, from recipe to sidecar to validation."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

IMPORTS = {"Input, KFold": "Input, KFold, LeaveOneGroupOut, Protocol"}
CRITERIA = 'Criterion("mae", "mean", "<=", 9.0))'
BY_SOURCE = """Criterion("mae", "mean", "<=", 9.0)),
    protocols=(
        Protocol("unjudged", KFold(2)),
        Protocol("by source", LeaveOneGroupOut(), criteria=(Criterion("mae", "max", "<=", 99.0),)),
    )"""


@pytest.fixture
def table(frame, write_table) -> Path:
    return write_table(frame)


def sidecar(registry: Path) -> dict:
    return json.loads((registry / "duo_v1.json").read_text(encoding="ascii"))


def words(document) -> list[str]:
    return [verdict["criterion"] for verdict in document["gate"]]


# --- protocols


def test_a_protocol_runs_the_scheme_that_it_names_and_its_criteria_are_lines_of_the_gate(
    tinyai, duo_as, registry, refresh, table, frame
):
    duo_as({**IMPORTS, CRITERIA: BY_SOURCE})
    ran = refresh(table)
    assert (ran.code, ran.json["status"]) == (0, "published")
    assert words(ran.json)[-2:] == [
        "by source: every group held out once (11 folds)",
        "by source: max MAE over folds <= 99",
    ]
    unjudged, judged = sidecar(registry)["protocols"]
    assert (unjudged["scheme"], unjudged["splits"]) == ({"KFold": {"folds": 2}}, 2)
    assert judged["scheme"] == {"LeaveOneGroupOut": {}}
    assert "evaluation" not in unjudged
    assert {fold["group"] for fold in judged["evaluation"]["folds"]} == set(frame.source)
    assert ran.json["gate"][-1]["value"] == judged["summary"]["mae"]["max"]
    card = (registry / "duo_v1.md").read_text()
    assert "Held out by `LeaveOneGroupOut()`.\n\nMedians over 11 splits." in card
    assert tinyai("validate", registry).code == 0


def test_a_protocol_whose_folds_were_edited_is_found(tinyai, duo_as, registry, refresh, table):
    duo_as({**IMPORTS, CRITERIA: BY_SOURCE})
    refresh(table)
    document = sidecar(registry)
    for fold in document["protocols"][1]["evaluation"]["folds"]:
        fold["mae"] /= 2
    (registry / "duo_v1.json").write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")
    found = tinyai("validate", registry, "--json").json["findings"]
    assert "TAI601" in {each["code"] for each in found}


@pytest.mark.parametrize("at", [(), ("evaluation",)], ids=str)
def test_a_protocol_whose_summary_was_edited_is_found(tinyai, duo_as, registry, refresh, table, at):
    duo_as({**IMPORTS, CRITERIA: BY_SOURCE})
    refresh(table)
    document = sidecar(registry)
    edited = document["protocols"][1]
    for key in at:
        edited = edited[key]
    edited["summary"]["plcc"]["median"] = 0.9999
    (registry / "duo_v1.json").write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")
    found = tinyai("validate", registry, "--json").json["findings"]
    [pointer] = [each["pointer"] for each in found if each["code"] == "TAI604"]
    assert pointer == "/".join(["/protocols/1", *at, "summary/plcc/median"])


def test_a_protocol_refuses_like_the_folds(tinyai, duo_as, registry, refresh, table, digests):
    duo_as({**IMPORTS, CRITERIA: BY_SOURCE.replace("99.0", "0.01")})
    before = digests(registry)
    ran = refresh(table)
    assert (ran.code, ran.json["status"]) == (3, "refused")
    assert [v["passed"] for v in ran.json["gate"]] == [True, True, True, True, False]
    assert digests(registry) == before
    ran = tinyai("evaluate", "duo_v1", "--table", table, "--protocol", "by source", "--json")
    assert ran.code == 3
    assert words(ran.json) == [
        "by source: every group held out once (11 folds)",
        "by source: max MAE over folds <= 0.01",
    ]


# --- in sample, and against the release before

NO_WORSE = """Criterion("mae", "mean", "<=", 9.0), Criterion("plcc", "mean", ">=", 0.5, part="in-sample"),
        Criterion("mae", "mean", "<=", 0.25, against="previous"))"""
CHANGE = "mean MAE over folds - the previous release's <= 0.25"


def test_a_refresh_is_held_to_what_the_release_before_has_recorded(
    tinyai, duo_as, registry, refresh, table, frame, write_table
):
    duo_as({CRITERIA: NO_WORSE})
    first = refresh(table).json
    assert first["status"] == "published"
    assert first["gate"][-1] == {
        "criterion": CHANGE,
        "value": None,
        "passed": True,
        "reason": "there is no previous release to compare with",
    }
    assert first["gate"][-2]["criterion"] == "PLCC in sample >= 0.5"
    assert first["gate"][-2]["value"] == first["in_sample"]["plcc"]
    assert tinyai("validate", registry).code == 0

    second = refresh(table, "--force").json
    assert (second["gate"][-1]["value"], second["gate"][-1]["passed"]) == (0.0, True)
    assert second["evaluation"]["previous"]["summary"] == first["evaluation"]["summary"]
    assert tinyai("validate", registry).code == 0

    worse = frame.assign(vmaf=frame.vmaf.where(frame.frame_index % 16 != 0, frame.vmaf.mean()))
    third = refresh(write_table(worse, "worse.parquet"))
    assert third.code == 3
    assert third.json["gate"][-1]["value"] > 0.25
    assert third.json["gate"][-1]["passed"] is False


# Somebody else publishes while ours is being described: the row says that other bytes are registered.
OVERTAKE = """

@hookimpl
def tinyai_describe(recipe, evaluation):
    import json, os, pathlib
    from tinyai_registry import Description
    path = pathlib.Path(os.environ["DUO_INDEX"])
    document = json.loads(path.read_text())
    for row in document["models"]:
        row["sha256"] = "0" * 64
    path.write_text(json.dumps(document))
    return Description()
"""


def test_a_release_that_was_compared_with_what_is_there_no_more_is_not_published(
    duo_as, registry, refresh, table, monkeypatch, digests
):
    monkeypatch.setenv("DUO_INDEX", str(registry / "registry.json"))
    duo_as({CRITERIA: NO_WORSE, "@hookimpl\ndef tinyai_recipes": f"{OVERTAKE}\n\n@hookimpl\ndef tinyai_recipes"})
    assert refresh(table).json["status"] == "published"
    before = digests(registry)["duo_v1.json"]
    ran = refresh(table, "--force")
    assert (ran.code, ran.json["error"]["type"]) == (5, "RegistryBusyError")
    assert "its gate compares with the release before" in ran.json["error"]["message"]
    assert digests(registry)["duo_v1.json"] == before


# --- seeds

OVER_SEEDS = """Criterion("plcc", "spread", "<=", 0.5),
        Criterion("plcc", "min", ">=", 0.1, part="seeds"), Criterion("plcc", "spread", "<=", 0.9, part="seeds"),"""


def test_each_member_of_an_ensemble_is_judged_by_itself(tinyai, install, table_of_codecs):
    source = (Path(__file__).parents[1] / "plugins" / "panel.py").read_text(encoding="utf-8")
    install("panel", source.replace('Criterion("plcc", "spread", "<=", 0.5),', OVER_SEEDS))
    ran = tinyai("evaluate", "panel_v1", "--table", table_of_codecs, "--json")
    evaluation, gate = ran.json["evaluation"], ran.json["gate"]
    assert evaluation["expected_seeds"] == [0, 1]
    means = [each["evaluation"]["summary"]["plcc"]["mean"] for each in evaluation["seeds"]]
    assert len(set(means)) == 2
    assert all("test" in each["evaluation"] for each in evaluation["seeds"])
    values = {verdict["criterion"]: verdict["value"] for verdict in gate}
    assert values["every seed evaluated (2 seeds)"] == 2
    assert values["min PLCC over seeds >= 0.1"] == min(means)
    assert values["spread PLCC over seeds <= 0.9"] == pytest.approx(max(means) - min(means))


@pytest.fixture
def table_of_codecs(frame, write_table) -> Path:
    codec = frame.dis_basename.str.extract("_(x264|x265|vp9|svtav1|mpeg2)_", expand=False)
    return write_table(frame.assign(codec=codec))
