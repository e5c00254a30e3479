"""``docs/sidecar.md`` says what the schema of sidecars says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tinyai_registry.documents import schema
from tinyai_registry.documents.sidecar_page import page

PAGE = (Path(__file__).parents[2] / "docs" / "sidecar.md").read_text(encoding="utf-8")
ODD = {
    "required": ["size"],
    "properties": {
        "size": {"type": ["integer", "null"], "description": "How <large>."},
        "parts": {"type": ["array", "null"], "items": {"$ref": "#/$defs/odd_part"}, "description": "a | b"},
        "first": {"$ref": "#/$defs/odd_part"},
        "of": {
            "type": "array",
            "description": "Its origin.",
            "items": {"type": "object", "required": ["a"], "properties": {"a": {"const": True, "description": "Yes."}}},
        },
    },
    "$defs": {"odd_part": {"description": "One part.", "properties": {"x": {"enum": ["u", None], "description": "."}}}},
}


def test_the_page_is_what_the_schema_says():
    assert page(schema.load("sidecar")) == PAGE, "run: make docs"


def test_the_page_has_each_key_with_its_type_and_its_words():
    text = page(ODD)
    for row in (
        "| `size` | integer or null | How \\<large>. |",
        "| `parts` | list of [odd part](#odd-part) or null | a \\| b |",
        "| `first` | [odd part](#odd-part) | One part. |",
        "| `of` | list of object | Its origin. |\n| `of[].a` | `true` | Yes. |",
        "## Odd part\n\nOne part.\n\n",
        "| `x` | `u` or `null` | . |",
    ):
        assert row in text


def test_a_schema_that_the_page_has_no_words_for_is_no_page():
    with pytest.raises(NotImplementedError, match="no words for"):
        page({"required": [], "properties": {"a": {"not": {}, "description": "A."}}, "$defs": {}})


def test_every_link_of_the_page_leads_to_a_section_of_it():
    sections = {heading.lower().replace(" ", "-") for heading in re.findall(r"(?m)^## (.*)$", PAGE)}
    assert set(re.findall(r"\(#([a-z0-9-]+)\)", PAGE)) - sections == set()
