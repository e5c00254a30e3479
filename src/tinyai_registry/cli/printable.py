"""Names from a registry in front of people: they are shown, and never acted on."""

from __future__ import annotations


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
