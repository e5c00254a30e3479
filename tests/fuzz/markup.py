"""Words that somebody means to act, and what a parser of Markdown makes of a page."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

PIECES = [
    *("Crowd|Run *4K*", "`", "``", "```", "~~~", "~~x~~", "**x**", "__x__", "_x_", "a_b", "\\", "\\|", "|", "||"),
    *("\n## Gate\n- passed", "\r\n", "\n\n", "\n", "\r", "\t", "    ", " ", "\u2028", "\x85", "\x0b"),
    *(
        "# x",
        "###### ",
        "#",
        "x #",
        "> ",
        "- ",
        "+ ",
        "* ",
        "1. ",
        "2) ",
        "---",
        "===",
        ":-",
        ":--|--:",
        "|---|",
        "- - -",
    ),
    *("<b>", "</td>", "<!--", "-->", "<script>", "<?", "<!X", "<https://x.example>", "<a@x.example>", "<", ">"),
    *("[x](https://x.example)", "![x](y)", "[x]: /y", "[x][y]", "[^1]", "[", "]", "(", ")", "&amp;", "&#42;", "&", ";"),
    *(
        "\x1b[2J",
        "\x1b]8;;https://x.example\x07",
        "\x9b31m",
        "\b",
        "\x00",
        "\x7f",
        "\u202e",
        "\ud800",
        "\ufeff",
        "\ufffe",
    ),
    *("::error file=x::y", "::", "##[error]x", "##[", "::add-mask::x", "%0A", "%", ",", ":", "]]>", "<![CDATA[", "\"'"),
    *("$x$", "$$", "é", "日本", "e\u0301", "x", "y z", "2026", "0.5"),
]
# Control characters and half surrogates among them: all that a JSON string may hold.
HOSTILE = st.lists(st.sampled_from(PIECES) | st.text(st.characters(), max_size=5), min_size=1, max_size=8).map("".join)

_PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def parse(page: str) -> list[Token]:
    return _PARSER.parse(page)


FRONT_MATTER = re.compile(r"\A---\n[^\n]*(?:\n(?!---\n)[^\n]*)*\n---\n")


def structure(page: str) -> list[tuple[str, str, int]]:
    """What a page is made of, without its words: type, tag and level of every token, those inside a line too."""
    return list(_shapes(parse(FRONT_MATTER.sub("", page))))  # which is YAML, and read by no Markdown


def _shapes(tokens: list[Token]) -> Iterator[tuple[str, str, int]]:
    last = None
    for token in tokens:
        kind = "text" if token.type == "text_special" else token.type
        if kind != "text" or last != "text":
            yield kind, token.tag, token.level
        last = kind
        yield from _shapes(token.children or [])


def words(page: str) -> str:
    """The words of a page as a reader sees them."""
    return "".join(_words(parse(page)))


def _words(tokens: list[Token]) -> Iterator[str]:
    for token in tokens:
        if token.children is None:
            yield token.content
        else:
            yield from _words(token.children)
