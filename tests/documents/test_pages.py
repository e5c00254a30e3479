"""The card and the note, rendered from a sidecar and nothing else."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path

import pytest

from tinyai_registry.documents import card, note, schema


@pytest.mark.parametrize("page", [card, note])
def test_the_same_sidecar_renders_to_the_same_text_and_is_left_alone(sidecar, page):
    before = copy.deepcopy(sidecar)
    text = page.render(sidecar)
    assert sidecar == before
    assert page.render(json.loads(json.dumps(sidecar, sort_keys=True))) == text
    assert text.endswith("\n")
    assert "None" not in text.replace("None.", "")


def test_the_card_has_every_section(sidecar):
    text = card.render(sidecar)
    assert "\n---\n# Tone\n\nTells tones apart.\n" in text
    assert re.findall("^## (.*)$", text, re.MULTILINE) == [
        *("Intended use", "Limits", "How to call it", "Training", "Training data"),
        *("Ambient light", "Viewing conditions"),
        *("Evaluation", "Protocol: ten-splits", "Gate"),
        *("Previous against refresh", "Drift", "Caveats", "Files", "Licence", "Citation", "Provenance"),
    ]


def test_no_section_of_a_plugin_may_have_a_heading_of_the_card(sidecar):
    with_twin = {**sidecar, "int8_sha256": sidecar["artifacts"][0]["sha256"]}
    headings = re.findall("^## (.*)$", card.render(with_twin), re.MULTILINE)
    own = [each for each in headings if each not in sidecar["card"]["sections"] and not each.startswith("Protocol: ")]
    sections = schema.load("sidecar")["$defs"]["card"]["properties"]["sections"]
    assert sorted(own) == sections["propertyNames"]["not"]["enum"]


@pytest.mark.parametrize(
    "line",
    [
        "- input `x` float32 `[N, 2]`: `low`, `high`",
        "- output `score` float32 `[N]`: `mos`, nominally 1 to 5",
        "| fold-1 | 10 | 2 | 0.9000 | 0.8000 | 0.7000 | 0.2500 | 20.0% |",
        "| fold-2 | 10 | 2 | 0.7000 | undefined | 0.5000 | 0.7500 | 60.0% |",
        "| *mean* |  |  | 0.8000 | undefined | 0.6000 | 0.5000 |  |",
        "| mean PLCC | 0.7500 | 0.8000 | +0.0500 |",
        "| mean RMSE | not recorded | 0.5000 |  |",
        "| low | +0.500 | 1.000 |",
        "Target range: 1.00 to 4.00 before, 1.50 to 4.50 now.",
        "- passed: mean PLCC over folds >= 0.5; value 0.8000",
        "- fold-2: 60.0% of the targets (`tied-targets`)",
        "Model: MIT. Training data: CC0-1.0.",
        "- because: The ears were fixed.",
        "- decision: ADR-0009",
        "`tone_v1` · kind `nr` · ONNX opset 17 · proposed",
        "Three picture heights.",
        "Medians over 2 splits; PLCC and RMSE after a four-parameter logistic mapping.",
        "| PLCC | 0.8000 | 0.7500 |",
        "| SROCC | undefined | not recorded |",
        "| KROCC | 0.6000 | 0.5000 |",
        "Published: Ear et al., 1999.",
        f"- commit: `{'c' * 40}` (dirty)",
    ],
)
def test_the_card_says(sidecar, line):
    assert line in card.render(sidecar).splitlines()


def test_the_card_says_how_to_check_what_was_loaded_where_that_can_be_done(sidecar):
    told = (
        "To check the model that you loaded: the `test_vector` of `tone_v1.onnx` in the sidecar has 2 rows as the "
        "graph is fed them, and the scores that it gives, to within 0.0004.\n\n"
    )
    new = card.render(sidecar)
    del sidecar["artifacts"][0]["test_vector"]
    assert told in new
    assert card.render(sidecar) == new.replace(told, "")


def test_the_card_of_an_earlier_release_is_still_what_its_sidecar_renders_to():
    published = Path(__file__).parents[2] / "examples" / "registry" / "fr_regressor_v1.json"
    assert card.render(json.loads(published.read_text())) == published.with_suffix(".md").read_text()


def test_the_card_says_who_scales(sidecar):
    assert "feed raw features" in card.render(sidecar)
    outside = {**sidecar, "onnx_has_scaler": False}
    assert "feed `(feature - feature_mean) / feature_std`" in card.render(outside)


def test_a_first_release_has_nothing_to_be_compared_with(sidecar):
    first = {**sidecar, "previous": None, "drift": None, "caveats": []}
    text = card.render(first)
    assert "This is the first release of the model in this registry." in text
    assert "## Caveats\n\nNone.\n" in text


def test_the_note_has_what_a_decision_record_needs(sidecar):
    text = note.render(sidecar)
    assert text.startswith(
        "# Refresh tone_v1 from tones.parquet\n\nDate: 2026-01-02\n\n## Context\n\nThe ears were fixed."
    )
    assert re.findall("^## (.*)$", text, re.MULTILINE) == [
        *("Context", "Decision", "Previous against refresh", "Folds", "Drift", "Caveats", "Commands"),
    ]
    assert "by the recipe of ADR-0009 (fingerprint" in text
    assert "tinyai refresh tone_v1 --table tones.parquet" in text


def test_a_release_before_that_names_no_recipe_is_not_said_to_have_had_the_same(sidecar):
    fingerprint = sidecar["recipe_fingerprint"]
    adopted = {**sidecar, "previous": {**sidecar["previous"], "adopted": ["kind", "opset"]}}
    for page in (card, note):
        assert "that of the release before is the same" in page.render(sidecar)
        text = page.render(adopted)
        assert "; the release before names no recipe, and agrees with this one in `kind`, `opset`" in text
        assert "is the same" not in text
        assert "release before names" not in page.render({**sidecar, "previous": None})
    earlier = {**adopted, "card": {key: said for key, said in adopted["card"].items() if key != "layout"}}
    assert f"- recipe: `{fingerprint}`\n" in card.render(earlier)


def test_a_note_without_a_reason_asks_its_editor_for_one(sidecar):
    sidecar["provenance"]["reason"] = None
    assert "TODO: why was the model stale?" in note.render(sidecar)
    assert "- because: no reason was given" in card.render(sidecar)
