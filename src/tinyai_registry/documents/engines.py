"""The two engines that read a JSON Schema, and the seam between them.

jsonschema_rs says within microseconds that a document is valid. Only where it does not say so is jsonschema imported,
which takes longer than a small registry takes to check: its answer counts, and can be put into words. A property test
holds the first engine to the second. Patterns of strangers go to the first alone, whose matcher takes linear time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import jsonschema_rs

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

    from tinyai_registry.documents.violation import Violation

# Bytes that a compiled pattern takes at most: counted repetitions of a few hundred characters.
MAX_COMPILED = 2**18
# Patterns of one schema of a stranger; so many stay compiled.
MAX_PATTERNS = 100


@dataclass(frozen=True)
class Engines:
    """Both engines for one ``schema`` of ours, which refers to no other document."""

    schema: dict[str, Any]

    def is_valid(self, document: Any) -> bool:
        """The quick answer: True where ``document`` is valid; False where it is not, or cannot be told."""
        try:
            return self._quick.is_valid(document)
        except ValueError:  # it has no words for half a surrogate pair
            return False

    def violations(self, document: Any) -> Iterator[Violation]:
        """Each way in which ``document`` breaks the schema, in document order."""
        if not self.is_valid(document):
            from tinyai_registry.documents.violation import describe

            yield from describe(self.judge, document)

    @cached_property
    def judge(self) -> Validator:
        """The engine whose answer counts."""
        from referencing import Registry

        from tinyai_registry.documents.violation import Strict

        # Without "$schema": behind a $ref it would bring back jsonschema's own validator class, and its `$`.
        return Strict({key: value for key, value in self.schema.items() if key != "$schema"}, registry=Registry())

    @cached_property
    def _quick(self) -> jsonschema_rs.Validator:
        return jsonschema_rs.validator_for(self.schema)


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


_HALF = re.compile("[\ud800-\udfff]")
