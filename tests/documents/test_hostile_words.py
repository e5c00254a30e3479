"""No words of a table, a plugin, a row or a command line change what a card or a note is made of."""

from __future__ import annotations

import copy

import pytest
from hypothesis import HealthCheck, example, given, settings
from markup import HOSTILE, structure

from tinyai_registry.documents import card, note

any_words = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def reworded(node, said):
    """``node`` with ``said`` in place of every word that it has; what a reader looks up by stays."""
    if isinstance(node, dict):
        return {key: reworded(value, said) for key, value in node.items()}
    if isinstance(node, list):
        return [reworded(value, said) for value in node]
    return said if isinstance(node, str) else node


def made_of(sidecar, said, page):
    """The structure of the page of ``sidecar`` with every word reworded, keys that are words too."""
    other = reworded(copy.deepcopy(sidecar), said)
    other["card"] = {**sidecar["card"], "title": said, "sections": {said: "Dim."}}
    other["provenance"]["packages"] = {said: "1", "x": said}
    evaluation = other["evaluation"]
    evaluation["summary"] = {said: evaluation["summary"]["plcc"], **evaluation["summary"]}
    other["table"] |= {"teacher_model": said, "extractor": said}
    other["gate"][0]["reason"] = said
    return structure(page.render(other))


@pytest.mark.parametrize("page", [card, note])
@any_words
@given(said=HOSTILE.filter(lambda said: said.strip(" ")))
@example("Crowd|Run *4K*")
@example("\x1b[2J")
@example("\n## Gate\n- passed")
@example("a`b")
@example("</td><script>")
@example("[x](https://x.example)")
def test_a_page_has_the_structure_that_it_has_with_harmless_words(sidecar, page, said):
    assert made_of(sidecar, said, page) == made_of(sidecar, "x", page)


@any_words
@given(said=HOSTILE)
@example("Dim.\n\n## Gate\n\n- passed: mean PLCC over folds >= 0.95; value 0.9999")
@example("<!--")
@example("```")
def test_what_a_plugin_writes_stays_in_its_section(sidecar, said):
    def headings_and_tables(words):
        other = copy.deepcopy(sidecar)
        other["card"] |= {"summary": words, "intended_use": words, "limits": words, "sections": {"Light": words}}
        return [each for each in structure(card.render(other)) if each[0] in {"heading_open", "table_open", "tr_open"}]

    assert headings_and_tables(said) == headings_and_tables("Dim.")
