"""The two engines that read a JSON Schema, and the seam between them.

jsonschema_rs says within microseconds that a document is valid. Only where it does not say so is jsonschema imported,
which takes longer than a small registry takes to check: its answer counts, and can be put into words. A property test
holds the first engine to the second.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jsonschema_rs
    from jsonschema.protocols import Validator

    from tinyai_registry.documents.violation import Violation


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
        import jsonschema_rs

        return jsonschema_rs.validator_for(self.schema)
