"""Say in words how a document breaks a JSON Schema: one line for each violation, with its place.

A schema's ``title`` is the noun that a message uses: of a value with a pattern, what that pattern means; of a branch,
what the document is that the branch asks something of.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

import jsonschema
from jsonschema.protocols import Validator

from tinyai_registry.documents.linear_pattern import compile_linear
from tinyai_registry.documents.positions import escape_step

Json = Mapping[str, Any]

# Characters of a value, and members of an enumeration, that a message repeats.
SHOWN, LISTED = 60, 12
# Nothing that a pattern describes is longer, and no pattern is tried on more.
LONGEST_MATCHED = 256


@dataclass(frozen=True)
class Violation:
    """One way in which a document breaks its schema; ``pointer`` (RFC 6901) is empty for the whole of it."""

    pointer: str
    message: str

    def __str__(self) -> str:
        return f"{self.pointer or '/'}: {self.message}"


def pointer(path: Iterable[str | int]) -> str:
    """The JSON pointer to what lies at ``path``."""
    return "".join("/" + escape_step(str(part)) for part in path)


def describe(validator: Validator, document: Any, most: int | None = None) -> Iterator[Violation]:
    """Each violation of ``validator``'s schema by ``document``, item by item and key by key; at most ``most``."""
    for error in sorted(islice(validator.iter_errors(document), most), key=_place):
        yield Violation(pointer(error.path), _message(error, _branch(validator.schema, error.schema_path)))


def _place(error: jsonschema.ValidationError) -> list[str]:
    return [f"{part:09}" if isinstance(part, int) else part for part in error.path]


def _message(error: jsonschema.ValidationError, branch: str | None) -> str:
    if error.validator == "not" and error.validator_value == {}:
        return f"has no place in {branch}" if branch else "has no place here"
    if error.validator == "required" and branch:
        return f"{error.message}, which {branch} has"
    says = _SAYS.get(str(error.validator))
    if says is None:
        return error.message.partition("\n")[0][:200]
    titled = isinstance(error.schema, Mapping) and error.schema.get("title")
    return says(error.instance, error.validator_value, titled or "")


def _branch(schema: Any, path: Iterable[str | int]) -> str | None:
    """The title of the innermost ``then`` or ``else`` on the way to what was broken."""
    title = None
    for step in path:
        inside = (isinstance(schema, Mapping) and step in schema) or isinstance(schema, list)
        schema = schema[step] if inside else None  # behind a $ref nothing branches
        if step in {"then", "else"} and isinstance(schema, Mapping):
            title = schema.get("title")
    return title


def _quote(value: Any) -> str:
    """``value`` in JSON, shortened; in ASCII, so that a reader can tell look-alikes apart."""
    if isinstance(value, dict | list):
        return _NOUNS["object" if isinstance(value, dict) else "array"]
    text = json.dumps(value[:SHOWN] if isinstance(value, str) else value)
    return text if len(text) <= SHOWN + 2 else f"{text[:SHOWN]}…"


def _list(values: Sequence[Any]) -> str:
    return ", ".join(str(value)[:SHOWN] for value in values[:LISTED]) + (", …" if values[LISTED:] else "")


_NOUNS = {
    "object": "an object",
    "array": "a list",
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}


def _type(value: Any, types: str | Sequence[str], _: str) -> str:
    nouns = [_NOUNS.get(each, each) for each in ([types] if isinstance(types, str) else types)]
    return f"{_quote(value)} is not {' or '.join(nouns)}"


def _too_short(value: Any, least: int, _: str) -> str:
    return f"has {len(value)}, must have {least} or more" if value else "is empty"


def _too_long(value: Any, most: int, _: str) -> str:
    return f"has {len(value)}, must have {most} or fewer"


# By keyword: what to say of a value that breaks it, from the value, the keyword's own and the schema's title.
_SAYS: Mapping[str, Callable[[Any, Any, str], str]] = {
    "type": _type,
    "enum": lambda value, known, _: f"{_quote(value)} is none of {_list(known)}",
    "not": lambda value, _, title: f"{_quote(value)} is {title or 'not allowed'}",
    "const": lambda value, wanted, _: f"{_quote(value)} is not {_quote(wanted)}",
    "pattern": lambda value, pattern, title: f"{_quote(value)} is not {title or f'of the form {pattern}'}",
    "minimum": lambda value, least, _: f"{_quote(value)} is less than {least}",
    "maximum": lambda value, most, _: f"{_quote(value)} is more than {most}",
    "exclusiveMinimum": lambda value, bound, _: f"{_quote(value)} is not more than {bound}",
    "minLength": _too_short,
    "minItems": _too_short,
    "maxLength": _too_long,
    "maxItems": _too_long,
}


def _required(_: Any, names: Sequence[str], instance: Any, __: Any) -> Iterator[jsonschema.ValidationError]:
    """One error for all that is missing; jsonschema's own has one for each."""
    missing = [name for name in names if name not in instance] if isinstance(instance, dict) else []
    if missing:
        yield jsonschema.ValidationError(f"lacks {', '.join(missing)}")


_additional: Callable[..., Iterator[jsonschema.ValidationError]]
_additional = jsonschema.Draft202012Validator.VALIDATORS["additionalProperties"]


def _unknown(validator: Any, allowed: Any, instance: Any, schema: Json) -> Iterator[jsonschema.ValidationError]:
    """Each unknown key at its own place; jsonschema's own names them all at the object's."""
    if allowed is not False or "patternProperties" in schema or not isinstance(instance, dict):
        yield from _additional(validator, allowed, instance, schema)
        return
    for key in instance.keys() - schema.get("properties", {}).keys():
        yield jsonschema.ValidationError("unknown key", path=[key])


def _pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[jsonschema.ValidationError]:
    if isinstance(instance, str) and (len(instance) > LONGEST_MATCHED or not _anchor(pattern).search(instance)):
        yield jsonschema.ValidationError("")


def _linear_pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[jsonschema.ValidationError]:
    if isinstance(instance, str) and (len(instance) > LONGEST_MATCHED or not compile_linear(pattern)(instance)):
        yield jsonschema.ValidationError("")


@cache
def _anchor(pattern: str) -> re.Pattern[str]:
    """Python's ``$`` also matches before a trailing newline; ECMA's, which JSON Schema means, does not."""
    return re.compile(re.sub(r"\\.|\[(?:\\.|[^\]])*\]|\$", lambda m: r"\Z" if m[0] == "$" else m[0], pattern))


Strict: type[jsonschema.Draft202012Validator] = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
    jsonschema.Draft202012Validator,
    {"pattern": _pattern, "required": _required, "additionalProperties": _unknown},
)
# The same for schemas of strangers, whose patterns may mean to take for ever.
Linear: type[jsonschema.Draft202012Validator] = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
    Strict, {"pattern": _linear_pattern}
)
