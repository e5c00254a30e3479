"""An ensemble whose members ship, a reference to beat, a test split, protocols, fields of its own: one release."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from tinyai_registry.documents.schema import violations
from tinyai_registry.lab.trial import Trial, run_models

MEMBERS = ("panel_v1_seed0", "panel_v1_seed1")
ALL = ("panel_v1", *MEMBERS)
EXTRA = "panel_v1.extra.schema.json"


@pytest.fixture
def panel_as(install):
    """Installs the third plugin with parts of its source replaced."""

    def make(changes=(), **more) -> Path:
        source = (Path(__file__).parent / "panel.py").read_text(encoding="utf-8")
        for old, new in dict(changes).items():
            assert old in source
            source = source.replace(old, new)
        return install("panel", source, **more)

    return make


@pytest.fixture
def panel(panel_as) -> Path:
    return panel_as()


@pytest.fixture
def coded(frame):
    """The frame, with the codec of each row and some empty cells."""
    number = np.arange(len(frame))
    return frame.assign(codec=frame.dis_basename.str.split("_").str[1], motion2=frame.motion2.where(number % 9 > 0))


@pytest.fixture
def table(coded, write_table) -> Path:
    return write_table(coded)


@pytest.fixture
def refresh(tinyai, registry, table):
    def run(*words):
        return tinyai("refresh", "panel_v1", "--table", table, "--registry", registry, "--json", *words)

    return run


@pytest.fixture
def validated(tinyai, registry):
    """What ``tinyai validate`` finds without any plugin, besides that libvmaf's command feeds no features."""
    return lambda: tinyai("--no-plugins", "validate", registry, "--json", "--ignore", "TAI515").json["findings"]


def read(registry: Path, name: str):
    return json.loads((registry / name).read_text(encoding="ascii"))


def rows(registry: Path) -> dict:
    return {row["id"]: row for row in read(registry, "registry.json")["models"]}


# --- members


def test_an_ensemble_is_one_release_of_several_artifacts_each_with_row_and_sidecar(panel, refresh, registry, validated):
    ran = refresh()
    assert (ran.code, ran.json["status"]) == (0, "published"), ran
    assert sorted(path.name for path in registry.iterdir() if path.is_file()) == sorted(
        [
            "registry.json",
            ".gitattributes",
            "panel_v1.md",
            "panel_v1.intoto.json",
            "panel_v1.svg",
            EXTRA,
            *(f"{name}{end}" for name in ALL for end in (".onnx", ".json")),
        ]
    )
    assert sorted(rows(registry)) == sorted(ALL)
    assert [artifact["path"] for artifact in ran.json["artifacts"]] == [f"{name}.onnx" for name in ALL]
    for name in ALL:
        digest = hashlib.sha256((registry / f"{name}.onnx").read_bytes()).hexdigest()
        document = read(registry, f"{name}.json")
        assert list(violations("sidecar", document)) == []
        assert rows(registry)[name]["sha256"] == document["sha256"] == digest
        assert rows(registry)[name]["license"] == "MIT"
    assert validated() == []


def test_the_ensembles_sidecar_is_the_manifest_of_its_members(panel, refresh, registry):
    refresh()
    manifest = read(registry, "panel_v1.json")
    assert [(member["id"], member["onnx"], member["seed"]) for member in manifest["members"]] == [
        ("panel_v1_seed0", "panel_v1_seed0.onnx", 0),
        ("panel_v1_seed1", "panel_v1_seed1.onnx", 1),
    ]
    assert "member_of" not in manifest
    assert manifest["provenance"]["seeds"] == [0, 1]
    for member in manifest["members"]:
        own = read(registry, f"{member['id']}.json")
        assert own["sha256"] == member["sha256"]
        assert (own["id"], own["name"], own["onnx"]) == (member["id"], member["id"], member["onnx"])
        assert (own["member_of"], own["members"]) == ("panel_v1", [])
        assert [artifact["sha256"] for artifact in own["artifacts"]] == [member["sha256"]]
        assert own["recipe_fingerprint"] == manifest["recipe_fingerprint"]


def test_the_published_ensemble_scores_the_mean_of_its_published_members(panel, refresh, registry, coded):
    refresh()
    document = read(registry, "panel_v1.json")
    fill = dict(zip(document["feature_order"], document["feature_fill"], strict=True))
    features = coded[["adm2", "vif_scale0", "motion2"]].fillna(fill).to_numpy(np.float32)
    columns = document["recipe"]["inputs"][1]["columns"]
    onehot = np.stack([coded.codec == name.split("=")[1] for name in columns], axis=1)
    feed = {"features": features, "codec_onehot": onehot.astype(np.float32)}

    def scores(name):
        session = onnxruntime.InferenceSession(registry / f"{name}.onnx", providers=["CPUExecutionProvider"])
        return session.run(["score"], feed)[0]

    whole, *members = (scores(name) for name in ALL)
    np.testing.assert_allclose(whole, np.mean(members, axis=0), atol=1e-3)
    assert np.abs(members[0] - members[1]).max() > 0.01
    assert whole.min() >= 0.0
    assert whole.max() <= 100.0
    rmse = np.sqrt(np.mean((whole - coded.vmaf)[~coded.source.isin(held_out_groups(document, coded))] ** 2))
    assert rmse == pytest.approx(document["in_sample"]["rmse"], abs=1e-2)


def held_out_groups(document, coded) -> set:
    """The groups of the test split: the first fifth of the shuffled groups, as many rows as the sidecar says."""
    groups = coded.source.to_numpy(str)
    shuffled = np.random.default_rng(0).permutation(np.unique(groups))
    chosen = set(shuffled[: round(0.2 * len(shuffled))].tolist())
    assert document["evaluation"]["test"]["rows"] == np.isin(groups, list(chosen)).sum()
    return chosen


def test_every_file_of_an_ensemble_has_a_test_vector_of_its_own_that_holds(panel, refresh, registry):
    refresh()
    files = {name: (registry / f"{name}.onnx").read_bytes() for name in ALL}
    manifest, *own = (read(registry, f"{name}.json") for name in ALL)
    assert list(run_models(Trial(f"{name}.onnx", data, manifest) for name, data in files.items())) == []
    assert list(run_models(Trial(d["onnx"], files[d["id"]], d) for d in own)) == []
    crossed = run_models(Trial(d["onnx"], files["panel_v1"], d) for d in own)
    assert [(name, flaw.rule.code) for name, flaw in crossed] == [(f"{name}.onnx", "TAI902") for name in MEMBERS]


def test_the_second_refresh_of_an_ensemble_changes_nothing(panel, refresh, registry, digests):
    refresh()
    before = digests(registry)
    assert refresh().json["status"] == "up-to-date"
    assert digests(registry) == before


def _edit_row(registry: Path) -> None:
    index = read(registry, "registry.json")
    next(row for row in index["models"] if row["id"] == MEMBERS[1])["notes"] = "Better."
    (registry / "registry.json").write_text(json.dumps(index))


def _drop_row(registry: Path) -> None:
    index = read(registry, "registry.json")
    index["models"] = [row for row in index["models"] if row["id"] != MEMBERS[0]]
    (registry / "registry.json").write_text(json.dumps(index))


TOUCHES = {
    "a member's sidecar edited": lambda r: (r / "panel_v1_seed0.json").write_text("{}"),
    "a member's sidecar removed": lambda r: (r / "panel_v1_seed1.json").unlink(),
    "a member's artifact damaged": lambda r: (r / "panel_v1_seed1.onnx").write_bytes(b"x"),
    "a member's row edited": _edit_row,
    "a member's row removed": _drop_row,
}


@pytest.mark.parametrize("touch", TOUCHES.values(), ids=TOUCHES)
def test_a_release_with_this_is_not_up_to_date_and_is_made_whole(panel, refresh, registry, digests, validated, touch):
    refresh()
    before = digests(registry)
    touch(registry)
    ran = refresh()
    assert (ran.code, ran.json["status"]) == (0, "published")
    after = digests(registry)
    assert {name for name in before if after[name] != before[name]} <= {
        *(f"{name}.json" for name in ALL),
        "panel_v1.md",
        "panel_v1.intoto.json",
        "panel_v1.svg",
        "registry.json",
    }
    assert validated() == []
    assert refresh().json["status"] == "up-to-date"


def test_members_that_do_not_ship_are_in_the_one_graph_alone(panel_as, refresh, registry):
    panel_as({"Ensemble(2, separate=True)": "Ensemble(2)"})
    assert refresh().json["status"] == "published"
    assert sorted(rows(registry)) == ["panel_v1"]
    assert read(registry, "panel_v1.json")["members"] == []


# --- gate, reference, test split


def test_reference_and_test_split_are_in_report_sidecar_and_card(panel, refresh, registry):
    evaluation = refresh().json["evaluation"]
    assert [fold["group"] for fold in evaluation["folds"]] == ["fold-1", "fold-2", "fold-3"]
    reference = evaluation["reference"]
    assert [fold["rows"] for fold in reference["folds"]] == [fold["rows"] for fold in evaluation["folds"]]
    assert reference["test"]["rows"] == evaluation["test"]["rows"]
    assert evaluation["test"]["group"] == "test"
    assert sum(fold["rows"] for fold in (*evaluation["folds"], evaluation["test"])) == 1368
    assert read(registry, "panel_v1.json")["evaluation"] == evaluation
    card = (registry / "panel_v1.md").read_text()
    for line in ("| **test split** |", "| *reference, mean* |", "| *reference, test split* |"):
        assert line in card


def test_every_criterion_is_recorded_with_the_value_that_it_speaks_of(panel, refresh):
    document = refresh().json
    own, reference = document["evaluation"], document["evaluation"]["reference"]
    values = {verdict["criterion"]: verdict["value"] for verdict in document["gate"][1:]}
    difference = own["summary"]["srocc"]["mean"] - reference["summary"]["srocc"]["mean"]
    ratio = own["summary"]["rmse"]["mean"] / reference["summary"]["rmse"]["mean"]
    assert values == {
        "mean SROCC over folds - the reference's >= 0.03": pytest.approx(difference),
        "mean RMSE over folds / the reference's <= 0.97": pytest.approx(ratio),
        "PLCC on the test split >= 0.5": own["test"]["plcc"],
        "spread PLCC over folds <= 0.5": own["summary"]["plcc"]["spread"],
    }


def test_a_model_that_does_not_beat_its_reference_is_refused(panel, registry, tinyai, coded, write_table, digests):
    before = digests(registry)
    means = coded.groupby("codec").vmaf.transform("mean")
    noise = np.random.default_rng(0).normal(0, 1, len(coded))
    path = write_table(coded.assign(vmaf=means + noise), "by_codec.parquet")
    ran = tinyai("refresh", "panel_v1", "--table", path, "--registry", registry, "--json")
    assert (ran.code, ran.json["status"]) == (3, "refused")
    refused = [verdict["criterion"] for verdict in ran.json["gate"] if not verdict["passed"]]
    assert "mean SROCC over folds - the reference's >= 0.03" in refused
    assert digests(registry) == before


# --- what a reader must see


def test_stage_and_licence_of_the_training_data_are_seen_by_every_reader(panel, refresh, registry):
    refresh()
    for name in ALL:
        document = read(registry, f"{name}.json")
        assert document["stage"] == "proposed"
        assert document["dataset_license"] == "CC-BY-NC-4.0 (no commercial use)"
    card = (registry / "panel_v1.md").read_text()
    assert "· proposed\n" in card
    assert "Model: MIT. Training data: CC-BY-NC-4.0 (no commercial use)." in card


def test_promotion_is_a_word_and_not_another_recipe(panel, panel_as, refresh, registry):
    refresh()
    panel_as({'stage="proposed"': 'stage="production"'}, version="1.1")
    assert refresh().json["status"] == "published"
    assert read(registry, "panel_v1.json")["stage"] == "production"


def test_filled_cells_are_counted_in_the_table_and_warned_of(panel, refresh, registry):
    document = refresh().json
    assert document["table"]["missing_cells"] == {"motion2": 152}
    [caveat] = [c["message"] for c in document["caveats"] if c["code"] == "missing-cells"]
    assert caveat.startswith("152 empty feature cells")
    card = (registry / "panel_v1.md").read_text()
    assert caveat in card
    assert "First put the values of `fill` of each input in place of empty cells." in card


# --- what the plugin adds


def test_extra_fields_their_schema_and_card_sections_are_published(panel, refresh, registry, validated):
    refresh()
    for name in ALL:
        assert read(registry, f"{name}.json")["extra"] == {"viewing_distance": 3.0}
    assert read(registry, EXTRA)["required"] == ["viewing_distance"]
    assert (
        "## Viewing conditions\n\nThree picture heights, judged in 3 folds.\n" in (registry / "panel_v1.md").read_text()
    )
    assert validated() == []


def _extra(**extra):
    def edit(registry: Path) -> None:
        document = read(registry, "panel_v1.json")
        document["extra"] = extra
        (registry / "panel_v1.json").write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")

    return edit


BROKEN_EXTRAS = {
    "a value out of range": (_extra(viewing_distance=-1), "TAI013", "panel_v1.json", "viewing_distance: -1 is"),
    "a value of another type": (
        _extra(viewing_distance="far"),
        "TAI013",
        "panel_v1.json",
        'viewing_distance: "far" is not',
    ),
    "a missing field": (_extra(), "TAI013", "panel_v1.json", "extra: lacks viewing_distance"),
    "a field too many": (_extra(viewing_distance=1.0, more=2), "TAI013", "panel_v1.json", "more: unknown key"),
    "a schema that is gone": (lambda r: (r / EXTRA).unlink(), "TAI013", "panel_v1.json", f"{EXTRA} is missing"),
    "a schema that is none": (
        lambda r: (r / EXTRA).write_text('{"type": "banana"}'),
        "TAI013",
        "panel_v1.json",
        "the schema itself: 'banana'",
    ),
    "a schema that is no object": (lambda r: (r / EXTRA).write_text("[]"), "TAI007", EXTRA, "no JSON object"),
    "a schema that is no JSON": (lambda r: (r / EXTRA).write_text("{"), "TAI003", EXTRA, "property name"),
    "a schema that refers elsewhere": (
        lambda r: (r / EXTRA).write_text('{"$ref": "https://example.org/x.json"}'),
        "TAI013",
        "panel_v1.json",
        "it refers to https:",
    ),
}


@pytest.mark.parametrize(("spoil", "code", "file", "told"), BROKEN_EXTRAS.values(), ids=BROKEN_EXTRAS)
def test_validate_finds_without_the_plugin(panel, refresh, registry, validated, spoil, code, file, told):
    refresh()
    spoil(registry)
    found = [f for f in validated() if (f["model"], f["code"], f["file"]) == ("panel_v1", code, file)]
    assert any(told in f["message"] for f in found), [f["message"] for f in found]


DESCRIBE = 'return Description(extra={"viewing_distance": 3.0}, schema=SCHEMA, sections=sections)'
MISDESCRIBED = {
    "extra that does not fit": (
        DESCRIBE.replace("3.0", "'far'"),
        'do not fit their schema at /viewing_distance: "far"',
    ),
    "extra with a field too many": (DESCRIBE.replace("3.0", "3.0, 'x': 1"), "do not fit their schema at /x: unknown"),
    "extra without a schema": (DESCRIBE.replace("schema=SCHEMA, ", ""), "extra fields without a schema"),
    "a schema that is none": (DESCRIBE.replace("SCHEMA", "{'type': 'banana'}"), "the schema itself"),
    "a dictionary": ("return {'extra': {}}", "plugin panel (tinyai-panel 1.0): tinyai_describe returned dict"),
    "nothing": ("pass", "plugin panel (tinyai-panel 1.0): tinyai_describe returned None"),
    "an error": ("1 / 0", "plugin panel (tinyai-panel 1.0): tinyai_describe raised ZeroDivisionError"),
}


@pytest.mark.parametrize(("answer", "told"), MISDESCRIBED.values(), ids=MISDESCRIBED)
def test_a_description_of_this_publishes_nothing(panel_as, refresh, registry, digests, answer, told):
    panel_as({DESCRIBE: answer})
    before = digests(registry)
    ran = refresh()
    assert ran.code == 2
    assert told in ran.json["error"]["message"]
    assert "panel" in ran.json["error"]["message"]
    assert digests(registry) == before


def test_a_schema_that_is_no_longer_needed_is_withdrawn(panel, panel_as, refresh, registry, validated):
    refresh()
    panel_as({DESCRIBE: "return Description()"}, version="1.1")
    ran = refresh()
    assert ran.json["withdrawn"] == [EXTRA]
    assert not (registry / EXTRA).exists()
    assert read(registry, "panel_v1.json")["extra"] == {}
    assert validated() == []


# --- protocols


def test_a_protocol_is_evaluated_by_name_and_its_medians_are_in_the_answer(tinyai, panel, table, tmp_path, digests):
    before = digests(tmp_path)
    answers = {}
    for name in ("plain", "mapped"):
        ran = tinyai("evaluate", "panel_v1", "--table", table, "--protocol", name, "--json")
        assert (ran.code, ran.json["status"]) == (0, "evaluated")
        answers[name] = ran.json["evaluation"]
        assert [fold["group"] for fold in answers[name]["folds"]] == ["split-1", "split-2"]
        for metric in ("plcc", "srocc", "krocc", "rmse"):
            values = [fold[metric] for fold in answers[name]["folds"]]
            assert answers[name]["summary"][metric]["median"] == pytest.approx(np.median(values))
    plain, mapped = (answers[name]["summary"] for name in ("plain", "mapped"))
    assert mapped["srocc"] == plain["srocc"]
    assert mapped["plcc"]["median"] != plain["plcc"]["median"]
    assert digests(tmp_path) == before


def test_people_see_the_medians_of_a_protocol(tinyai, panel, table):
    ran = tinyai("evaluate", "panel_v1", "--table", table, "--protocol", "mapped")
    assert ran.code == 0
    assert "median" in ran.err
    assert "gate" not in ran.err


def test_an_unknown_protocol_is_answered_with_those_that_are_declared(tinyai, panel, table):
    ran = tinyai("evaluate", "panel_v1", "--table", table, "--protocol", "nope", "--json")
    assert ran.code == 2
    assert ran.json["error"]["message"] == ("panel_v1 declares no protocol 'nope'; it declares: plain, mapped")


def test_the_published_figures_stand_beside_ours_in_sidecar_and_card(tinyai, panel, refresh, registry, table):
    refresh()
    asked = tinyai("evaluate", "panel_v1", "--table", table, "--protocol", "mapped", "--json").json["evaluation"]
    plain, mapped = read(registry, "panel_v1.json")["protocols"]
    assert (plain["protocol"], plain["mapping"], plain["published"]) == ("plain", None, [])
    assert (mapped["protocol"], mapped["splits"], mapped["mapping"]) == ("mapped", 2, "logistic4")
    assert mapped["summary"] == asked["summary"]
    card = (registry / "panel_v1.md").read_text()
    held_out = "Held out by `RepeatedHoldout(splits=2)`.\n\n"
    assert f"## Protocol: mapped\n\n{held_out}Medians over 2 splits; PLCC and RMSE after" in card
    assert f"| PLCC | {mapped['summary']['plcc']['median']:.4f} | 0.5000 |" in card
    assert "Published: Somebody et al., 1999." in card
