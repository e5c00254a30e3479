"""The schema that a plugin publishes for the ``extra`` fields of its sidecars, which may come from a stranger.

Such a schema costs a few bytes to write and may cost hours to check: definitions that ask for the next one twice, lists
whose items are all compared, patterns that a matcher tries in every way there is. So it may only say what costs a step
for each of its parts and each part of the document, and it is weighed before it is used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tinyai_registry.documents.linear_pattern import MAX_PATTERNS, compile_linear
from tinyai_registry.errors import DocumentError

if TYPE_CHECKING:
    from tinyai_registry.documents.violation import Violation

# Parts of a schema in which every reference is replaced by what it refers to.
MAX_PARTS = 10_000
# Parts of the schema times parts of the document: a second or two of checking.
MAX_STEPS = 100_000
# Violations that are told; nobody reads more.
MAX_VIOLATIONS = 20
# Characters of a text that count as one more part of it.
PART = 16

_WITH_SCHEMA = {"additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then"}
_WITH_LIST = {"allOf", "anyOf", "oneOf", "prefixItems"}
_WITH_NAMES = {"dependentSchemas", "properties"}
_PLAIN = {
    *("$comment", "default", "deprecated", "description", "examples", "format", "readOnly", "title", "writeOnly"),
    *("const", "dependentRequired", "enum", "required", "type"),
    *("exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf"),
    *("maxContains", "maxItems", "maxLength", "maxProperties", "minContains", "minItems", "minLength", "minProperties"),
}
_AT_THE_TOP = {"$defs", "$id", "$schema"}
_REFERENCE = re.compile(r"#/\$defs/([A-Za-z0-9_.-]+)")


class UnusableError(ValueError):
    """A schema says what it may not, or would take too long to check; the message says what."""


def extra_schema_name(model: str) -> str:
    """The file beside a model that describes the ``extra`` of its sidecar."""
    return f"{model}.extra.schema.json"


def extra_violations(schema: Mapping[str, Any], extra: Any) -> Iterator[Violation]:
    """Each way in which a sidecar's ``extra`` breaks the schema that its plugin published for it; at most twenty.

    Pointers are inside ``extra``. A schema that is none, or that may not be used, is a violation by the whole.
    """
    if schema == {}:  # it takes everything, and a second to import what would say so
        return
    import jsonschema
    from referencing import Registry

    from tinyai_registry.documents.violation import Linear, Violation, describe

    try:
        require_usable(schema, extra)
        # Without formats: they try each pattern in Python's engine, which is not the one that matches.
        jsonschema.Draft202012Validator.check_schema(schema, format_checker=jsonschema.FormatChecker(formats=()))
        top = {key: value for key, value in schema.items() if key not in {"$id", "$schema"}}
        yield from describe(Linear(top, registry=Registry()), extra, MAX_VIOLATIONS)
    except jsonschema.SchemaError as error:
        yield Violation("", f"the schema itself: {error.message[:300]}")
    except (ArithmeticError, RecursionError, UnusableError, ValueError) as error:
        yield Violation("", f"the schema cannot be used: {error}")


def require_valid_extra(schema: Mapping[str, Any], extra: Any, what: str) -> None:
    """Raise DocumentError, which begins with ``what``, unless ``extra`` is valid by ``schema``."""
    for violation in extra_violations(schema, extra):
        raise DocumentError(f"{what} at {violation}")


def require_usable(schema: Mapping[str, Any], extra: Any) -> None:
    """Raise UnusableError unless ``schema`` is of the grammar above, and checking ``extra`` against it ends soon."""
    parts = _Scale(schema).weigh(schema, at_the_top=True)
    if parts * _weight(extra) > MAX_STEPS:
        raise UnusableError(f"it has {parts} parts and the extra fields {_weight(extra)}: together that is too much")


class _Scale:
    """Weighs subschemas of ``schema``, each definition once."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        found = schema.get("$defs", {})
        self._definitions = found if isinstance(found, dict) else {}
        self._known: dict[str, int] = {}
        self._patterns: set[str] = set()

    def weigh(self, node: Any, inside: tuple[str, ...] = (), *, at_the_top: bool = False) -> int:
        """The parts of ``node``, references resolved, which stands ``inside`` these definitions."""
        if not isinstance(node, dict):
            return 1
        parts = 1
        for key, value in node.items():
            if key in _AT_THE_TOP and at_the_top:
                parts += sum(map(self.weigh, _inner(key, value)))
            elif key == "$ref":
                parts += self._weigh_definition(value, inside)
            elif key == "pattern":
                parts += self._weigh_pattern(value)
            elif key in _WITH_SCHEMA | _WITH_LIST | _WITH_NAMES:
                parts += sum(self.weigh(each, inside) for each in _inner(key, value))
            elif key in _PLAIN:
                parts += _weight(value)
            else:
                raise UnusableError(f"it says {key[:60]}, which the schema of extra fields may not")
        if parts > MAX_PARTS:
            raise UnusableError(f"it has more than {MAX_PARTS} parts, references resolved")
        return parts

    def _weigh_definition(self, reference: Any, inside: tuple[str, ...]) -> int:
        found = _REFERENCE.fullmatch(reference) if isinstance(reference, str) else None
        if found is None or found[1] not in self._definitions:
            raise UnusableError(f"it refers to {str(reference)[:60]}, and may only to #/$defs/NAME that it defines")
        name = found[1]
        if name in inside:
            raise UnusableError(f"it refers to itself, by {reference[:60]}")
        if name not in self._known:
            self._known[name] = self.weigh(self._definitions[name], (*inside, name))
        return self._known[name]

    def _weigh_pattern(self, pattern: Any) -> int:
        if isinstance(pattern, str):
            self._patterns.add(pattern)
            try:
                compile_linear(pattern)
            except ValueError as error:
                raise UnusableError(str(error)) from error
        if len(self._patterns) > MAX_PATTERNS:
            raise UnusableError(f"it has more than {MAX_PATTERNS} patterns")
        return _weight(pattern)


def _inner(key: str, value: Any) -> Iterable[Any]:
    """The schemas that a keyword holds; what is not of its form is left to the schema of schemas."""
    if key in {"$id", "$schema"}:
        return ()
    if key in _WITH_SCHEMA:
        return (value,)
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _weight(value: Any) -> int:
    """The parts of a JSON value; a long text counts as several."""
    if isinstance(value, str):
        return 1 + len(value) // PART
    if isinstance(value, dict):
        return 1 + sum(_weight(key) + _weight(inner) for key, inner in value.items())
    return 1 + sum(map(_weight, value)) if isinstance(value, list) else 1
