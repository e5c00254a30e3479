"""Regular expressions of strangers: matched in time that is linear in the length of the text, or refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

import jsonschema_rs

# Bytes that a compiled pattern takes at most: counted repetitions of a few hundred characters.
MAX_COMPILED = 2**18
# Patterns of one schema of a stranger; so many stay compiled.
MAX_PATTERNS = 100

_HALF = re.compile("[\ud800-\udfff]")


@lru_cache(maxsize=MAX_PATTERNS)
def compile_linear(pattern: str) -> Callable[[str], bool]:
    """A matcher of the ECMA regular expression ``pattern``, whose time is linear in the length of the text.

    It matches no text with half of a surrogate pair. Raises ValueError for a pattern that has look-around or
    back-references, is none, or is too large when compiled.
    """
    options = jsonschema_rs.RegexOptions(size_limit=MAX_COMPILED, dfa_size_limit=MAX_COMPILED)
    try:
        validator = jsonschema_rs.Draft202012Validator({"pattern": pattern}, pattern_options=options)
    except jsonschema_rs.ValidationError as error:
        raise ValueError(f"the pattern {pattern[:60]} is none that a linear matcher takes") from error

    def matches(text: str) -> bool:
        return not _HALF.search(text) and validator.is_valid(text)

    return matches
