"""Words from elsewhere are read as words, in every medium."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markup import HOSTILE, parse, structure, words

from tinyai_registry import text

# Where a line of words may stand in a page.
PLACES = {
    "a paragraph": "{}\n",
    "a title": "# {}\n\nx\n",
    "an item": "- {}\n- x\n",
    "the end of an item": "- because: {}\n",
    "before code": "- {} (`x`)\n",
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@given(said=HOSTILE)
@example("*a* `b`")
@example("# x #")
@example("2026. A year")
def test_words_of_markdown_are_words_wherever_they_stand(place, said):
    page = place.format(text.markdown_words(f"x{said}") if "#" in place[:1] else text.markdown_words(said))
    if text.markdown_words(said):
        assert structure(page) == structure(place.format("x"))
    assert text.printable(said).strip(" ") in words(page)


@given(said=HOSTILE, other=HOSTILE)
def test_a_cell_stays_in_its_column(said, other):
    def table(one, two):
        rows = "".join(f"| {text.markdown_cell(one)} | {text.markdown_cell(two)} |\n" for _ in range(2))
        return rows.replace("\n", "\n| --- | ---: |\n", 1)

    harmless = structure(table("x", "`x`"))
    assert structure(table(f"x{text.markdown_words(said)}", text.markdown_code(other))) == harmless


@given(said=HOSTILE)
@example("`")
@example(" ")
@example("\\|")
@example("` a `` b")
def test_code_is_one_span_of_it(said):
    [_, inline, _] = parse(text.markdown_code(said))
    [span] = inline.children
    assert span.type == "code_inline"
    assert span.content == (text.printable(said).replace("\\|", "\\\\x7c") or " ")


@given(lines=st.lists(HOSTILE, min_size=1, max_size=3))
def test_a_code_block_is_one_block_of_its_lines(lines):
    [block] = parse(text.markdown_code_block(lines))
    assert block.content.splitlines() == list(map(text.printable, lines))


MAY_BE_IN_PROSE = {"paragraph", "bullet_list", "list_item", "inline", "text", "code_inline", "softbreak"}


@given(said=HOSTILE)
@example("a\n===\n\nb\n---\n|c|\n|-|\n")
@example("- a\n- `b`\n\nc *d*")
def test_prose_has_paragraphs_lists_and_code_and_nothing_else(said):
    kinds = {kind.removesuffix("_open").removesuffix("_close") for kind, *_ in structure(text.markdown_prose(said))}
    assert kinds <= MAY_BE_IN_PROSE


def test_prose_keeps_what_it_may_have():
    said = "One `a_b`.\n\n- two\n- three"
    assert text.markdown_prose(said) == said
    assert text.markdown_prose("# One *two* <b>\n\n## Gate") == "\\# One \\*two\\* \\<b>\n\n\\## Gate"


def test_harmless_words_stay_as_they_are():
    said = "mean PLCC over folds >= 0.95; max RMSE <= 3 (fr_regressor_v1, torch 2.13.0+cpu) & more: 100 %, #12"
    assert text.markdown_words(said) == said


# --- lines of output


@given(said=HOSTILE)
def test_a_line_is_one_line_without_a_command(said):
    line = text.log_line(said)
    assert line.isprintable()
    assert not line.lstrip().startswith("::")
    assert "##[" not in line


def test_what_is_no_command_stays():
    assert text.log_line("a::b ## [x] std::vector") == "a::b ## [x] std::vector"


@given(said=HOSTILE)
def test_the_runner_decodes_a_property_and_data_to_what_was_said(said):
    decoded = {"%3A": ":", "%2C": ",", "%0A": "\n", "%0D": "\r", "%25": "%"}
    for escaped in (text.github_property(said), text.github_data(said)):
        assert escaped.isprintable()
        plain = re.sub("|".join(decoded), lambda found: decoded[found[0]], escaped)
        kept = said.replace("\r", "\n").split("\n")
        assert plain.replace("\r", "\n") == "\n".join(map(text.printable, kept))
    assert not {":", ","} & set(text.github_property(said))


@given(said=HOSTILE)
def test_xml_can_be_read_back(said):
    element = ET.Element("x", {"y": text.printable(said)})
    element.text = text.printable(said)
    read = ET.fromstring(ET.tostring(element, encoding="unicode"))
    assert (read.get("y"), read.text or "", len(read)) == (text.printable(said), text.printable(said), 0)


@given(said=HOSTILE)
def test_no_message_of_sarif_has_a_link(said):
    assert not re.search(r"(?<!\\)\[(\\.|[^\]\\])*\]\(", text.sarif_message(said))


def test_what_is_long_is_shortened_and_what_is_not_stays():
    assert text.shorten("\x1b" * 128) == "\x1b" * 128
    assert text.shorten("x" * 129) == "x" * 128 + "..."
