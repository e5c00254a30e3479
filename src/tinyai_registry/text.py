"""Escape words that come from elsewhere: one function for each medium they are written to.

Tables, plugins, rows and command lines may come from anyone. Their words stay as they are until they are written:
whoever writes them calls the function of the medium, and nobody escapes twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

MAX_SHORTENED = 128


def shorten(text: str, most: int = MAX_SHORTENED) -> str:
    """``text`` with at most ``most`` characters and, where some are left out, an ellipsis.

    >>> shorten("a" * 200, most=3)
    'aaa...'
    """
    return text if len(text) <= most else f"{text[:most]}..."


def printable(text: str) -> str:
    r"""``text`` in one line without control characters, for a terminal or an XML reader: these are escaped.

    Half a surrogate pair, which a JSON string may hold and no UTF-8 can, is escaped too.

    >>> printable("a\x1b[2Jb\n\ud800\u202e")
    'a\\x1b[2Jb\\n\\ud800\\u202e'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def suggest(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown ``name``: the known one that it is nearest to, if one is near.

    >>> suggest("fr_regressor", ["chug_hdr_v1", "fr_regressor_v1"])
    "; did you mean 'fr_regressor_v1'?"
    >>> suggest("nonsense", ["fr_regressor_v1"])
    ''
    """
    nearest = get_close_matches(name, known, n=1)
    return f"; did you mean {nearest[0]!r}?" if nearest else ""


def name_some(known: Sequence[str]) -> str:
    """What is ``known``, for a message: as many names as a few lines have room for.

    >>> name_some(["fr_regressor_v1", "nr_metric_v1"]), name_some([])
    ('fr_regressor_v1, nr_metric_v1', 'none')
    >>> name_some("abcdefghijklmnop")
    'a, b, c, d, e, f, g, h, i, j and 6 more'
    """
    more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    return f"{', '.join(known[:_NAMED])}{more}" or "none"


_NAMED = 10


def count(number: int, noun: str) -> str:
    """How many there are of what ``noun`` names, whose plural has an s.

    >>> count(1, "model"), count(2, "model")
    ('1 model', '2 models')
    """
    return f"{number} {noun}{'s' * (number != 1)}"


def enumerate_names(noun: str, names: Sequence[str]) -> str:
    """All of ``names``, after the ``noun`` for them.

    >>> enumerate_names("column", ["a"]), enumerate_names("column", ["a", "b"])
    ('column a', 'columns a, b')
    """
    return f"{noun}{'s' * (len(names) != 1)} {', '.join(names)}"


def figure(value: float | None) -> str:
    """A number, or a dash for one that nobody recorded; a count has no decimals.

    >>> figure(0.98765), figure(11.0), figure(None)
    ('0.9877', '11', '-')
    """
    if value is None:
        return "-"
    return f"{value:.0f}" if float(value).is_integer() and abs(value) > 1 else f"{value:.4f}"


def signed(value: float, digits: int) -> str:
    """``value`` with its sign and so many decimals; what rounds to nothing has no sign.

    >>> [signed(value, 2) for value in (0.125, -0.5, -0.001)]
    ['+0.12', '-0.50', '0.00']
    """
    rounded = round(value, digits)
    return f"{rounded:+.{digits}f}" if rounded else f"{0:.{digits}f}"


def encodable(text: str) -> str:
    """``text`` with question marks for what a file name or an argument has that is not UTF-8."""
    return text.encode(errors="replace").decode()


# --- a line of a log ------------------------------------------------------------------------------------------------


def log_line(text: str) -> str:
    r"""``text`` as one whole line of output: no control characters, and no command to GitHub's runner.

    The runner obeys a line that begins with ``::``, and ``##[`` anywhere in a line
    (https://github.com/actions/runner, ActionCommand.cs).

    >>> log_line("\n::error::x"), log_line(" ::error::x ##[add-mask]y")
    ('\\n::error::x', ' \\x3a:error::x #\\x23[add-mask]y')
    """
    return without_commands(printable(text))


def without_commands(line: str) -> str:
    """``line`` with the beginning of every command to GitHub's runner escaped."""
    return _COMMAND.sub(lambda found: found[0].replace("::", "\\x3a:").replace("##[", "#\\x23["), line)


_COMMAND = re.compile(r"^ *::|##\[")


# --- GitHub's workflow commands -------------------------------------------------------------------------------------


def github_data(text: str) -> str:
    """``text`` as the message of a workflow command; the runner decodes these three escapes and no others."""
    return printable(text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))


def github_property(text: str) -> str:
    """``text`` as the value of a property of a workflow command."""
    return github_data(text).replace(":", "%3A").replace(",", "%2C")


# --- SARIF ----------------------------------------------------------------------------------------------------------


def sarif_message(text: str) -> str:
    r"""``text`` as a plain-text message of SARIF, in which ``[words](target)`` would be a link (section 3.11.6).

    >>> sarif_message("row[0]"), sarif_message("[row](0)")
    ('row[0]', '\\[row\\](0)')
    """
    shown = printable(text)
    return re.sub(r"[\\\[\]]", r"\\\g<0>", shown) if "](" in shown else shown


# --- Markdown (CommonMark, with GitHub's tables, strikethrough and mathematics) -------------------------------------


def markdown_words(text: str) -> str:
    r"""``text`` as words of one line of Markdown: in a paragraph, a heading, a list item or a table cell.

    Only what would act is escaped, so that most words read the same in the source. A bare URL stays a link to itself.

    >>> markdown_words("Crowd|Run *4K*"), markdown_words("# 1. fr_v1, PLCC >= 0.9")
    ('Crowd\\|Run \\*4K\\*', '\\# 1. fr_v1, PLCC >= 0.9')
    """
    return _in_a_block(_inline(text).strip(" "))


def markdown_prose(text: str) -> str:
    """``text`` of somebody who writes a page: paragraphs, ``- `` lists and `code`; other markup is escaped."""
    return "\n".join(_prose_line(line.strip()) for line in text.strip().split("\n"))


def markdown_code(text: str) -> str:
    """``text`` as a code span, whose fence is longer than any run of back-ticks inside."""
    inside = printable(text) or " "
    inside = inside.replace("\\|", "\\\\x7c")  # in a table cell, parsers disagree about a pipe behind a backslash
    pad = " " if inside.strip() and (inside[0] + inside[-1] == "  " or "`" in inside[0] + inside[-1]) else ""
    fence = _fence(inside, 1)
    return f"{fence}{pad}{inside}{pad}{fence}"


def markdown_code_block(lines: Iterable[str], language: str = "") -> str:
    """``lines`` as a fenced code block in ``language``, a word of ours."""
    inside = [printable(line) for line in lines]
    fence = _fence("\n".join(inside), 3)
    return "\n".join((f"{fence}{language}", *inside, fence))


def markdown_cell(markup: str) -> str:
    """``markup`` as a cell of a table: pipes in it that are not escaped yet, those of code spans, are now."""
    return _PIPE.sub(r"\1\\|", markup)


def _inline(text: str) -> str:
    return _INLINE.sub(r"\\\g<0>", printable(text))


def _in_a_block(line: str) -> str:
    return _HEADING_END.sub(r"\1\\\2", _BLOCK_START.sub(r"\1\\", line))


def _prose_line(line: str) -> str:
    bullet = "- " if line.startswith("- ") else ""
    parts = _CODE.split(line.removeprefix(bullet))  # every second one is in back-ticks
    parts = [markdown_code(part) if index % 2 else _inline(part) for index, part in enumerate(parts)]
    return bullet + _in_a_block("".join(parts).strip(" "))


def _fence(inside: str, least: int) -> str:
    return "`" * max(least, *(len(run) + 1 for run in re.findall("`*", inside)))


# These act wherever they stand. An underscore inside a word, `<` before a blank or `=`, and `&` of no entity do not.
_INLINE = re.compile(r"[\\`*\[|~$]|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])|<(?=[A-Za-z/!?])|&(?=#?[0-9A-Za-z]+;)")
# What makes a list, a heading, a quotation, a rule, an underline or a table of the line that begins with it.
_BLOCK_START = re.compile(
    r"^(?:(\d{1,9})(?=[.)](?:\s|$))|(?=#{1,6}(?:\s|$)|>|[-+](?:\s|$)|[-=:][-=:\s|\\]*$))", re.ASCII
)
_HEADING_END = re.compile(r"(^|\s)(#+)$")
_CODE = re.compile(r"`([^`]+)`")
_PIPE = re.compile(r"(?<!\\)((?:\\\\)*)\|")
