"""The front matter of a card: YAML that says what the sidecar says, whatever words are in it."""

from __future__ import annotations

import copy

import pytest
from hypothesis import HealthCheck, example, given, settings
from markup import HOSTILE

from tinyai_registry.documents import card, front_matter

YAML = pytest.importorskip("ruamel.yaml", reason="not in the light installation").YAML


def read(text: str):
    lines = text.splitlines()
    assert lines[0] == "---"
    return YAML(typ="safe").load("\n".join(lines[1 : lines.index("---", 1)]))


def test_it_has_licence_library_tags_and_the_figures_of_every_fold(sidecar):
    found = read(card.render(sidecar))
    assert (found["license"], found["library_name"], found["tags"]) == ("mit", "onnx", ["onnx", "tinyai", "nr"])
    [model] = found["model-index"]
    means, *folds = model["results"]
    summary = sidecar["evaluation"]["summary"]
    assert {each["type"]: each["value"] for each in means["metrics"]} == {
        metric: figures["mean"] for metric, figures in summary.items() if figures["mean"] is not None
    }
    assert [each["dataset"]["split"] for each in folds] == [each["group"] for each in sidecar["evaluation"]["folds"]]


def test_a_licence_that_the_hub_does_not_know_is_named(sidecar):
    found = read(front_matter.render({**sidecar, "license": "BSD-2-Clause-Patent"}))
    assert (found["license"], found["license_name"]) == ("other", "bsd-2-clause-patent")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(said=HOSTILE)
@example("a\n---\n# No card")
@example("\u2028---")
@example("*alias &anchor !tag")
def test_no_word_ends_it_or_is_taken_for_syntax(sidecar, said):
    other = copy.deepcopy(sidecar)
    other["evaluation"]["folds"][0]["group"] = said
    found = read(front_matter.render(other))
    assert found["model-index"][0]["results"][1]["dataset"]["split"] == said
