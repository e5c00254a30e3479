"""Words from elsewhere in front of people: they are shown, and never acted on."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

MAX_SHOWN = 128


def printable(text: str) -> str:
    r"""``text`` in one line that does nothing to a terminal, a log or an XML reader: other characters are escaped.

    A registry may come from anyone, and so may the names in it. Half a surrogate pair, which a JSON string may hold and
    no UTF-8 can, is escaped too.

    >>> printable("a\x1b[2Jb\n\ud800\u202e")
    'a\\x1b[2Jb\\n\\ud800\\u202e'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shown(name: str) -> str:
    """``name`` for a message: short, and without characters that a terminal would act on."""
    text = ascii(name[:MAX_SHOWN])[1:-1]
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def suggest(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown ``name``: the known one that it is nearest to, if one is near.

    >>> suggest("fr_regressor", ["chug_hdr_v1", "fr_regressor_v1"])
    "; did you mean 'fr_regressor_v1'?"
    >>> suggest("nonsense", ["fr_regressor_v1"])
    ''
    """
    nearest = get_close_matches(name, known, n=1)
    return f"; did you mean {nearest[0]!r}?" if nearest else ""


def encodable(text: str) -> str:
    """``text`` with question marks for what a file name or an argument has that is not UTF-8."""
    return text.encode(errors="replace").decode()
