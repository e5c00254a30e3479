"""The JSON Schemas (2020-12) of registry, row, sidecars and entries of the log, and what they say about a document.

Two validators read them. jsonschema_rs, which costs next to nothing, answers whether a document is valid. Only where it
does not say yes is jsonschema imported and asked, which takes longer to import than a registry takes to check: its
answer is the one that counts, and it can be put into words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import jsonschema_rs

from tinyai_registry.documents import strict_json
from tinyai_registry.documents.bounds import UnboundedError, require_bounded
from tinyai_registry.errors import DocumentError

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

    from tinyai_registry.documents.violation import Violation

SchemaName = Literal["registry", "row", "sidecar", "sidecar-packaged", "sidecar-runtime", "log-entry"]
NAMES: tuple[SchemaName, ...] = get_args(SchemaName)


def folder() -> Path:
    """Where the schemas lie: inside the installed package, or at the top of the checkout of an editable install."""
    packaged = Path(str(resources.files("tinyai_registry"))) / "schemas"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "schemas"


def load(name: SchemaName) -> dict[str, Any]:
    """The schema ``name`` as a JSON object that refers to no other file."""
    if name == "row":  # lies inside the registry's, so that any validator can use that one by itself
        registry = load("registry")
        return {"$schema": registry["$schema"], **registry["$defs"]["row"]}
    document: dict[str, Any] = strict_json.read(folder() / f"{name}.schema.json")
    return document


def violations(name: SchemaName, document: Any) -> Iterator[Violation]:
    """Each way in which ``document`` breaks the schema ``name``, in document order."""
    if not _is_valid(name, document):
        from tinyai_registry.documents.violation import describe

        yield from describe(_validator(name), document)


def require_valid(name: SchemaName, document: Any, what: str) -> None:
    """Raise DocumentError, which begins with ``what``, unless ``document`` is valid by the schema ``name``."""
    for violation in violations(name, document):
        raise DocumentError(f"{what} at {violation}")


def extra_schema_name(model: str) -> str:
    """The file beside a model that describes the ``extra`` of its sidecar."""
    return f"{model}.extra.schema.json"


def extra_violations(schema: Mapping[str, Any], extra: Any) -> Iterator[Violation]:
    """Each way in which a sidecar's ``extra`` breaks the schema that its plugin published for it.

    Pointers are inside ``extra``. A schema that is none, or might take for ever, is a violation by the whole.
    References to other documents are not followed.
    """
    import jsonschema
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    from tinyai_registry.documents.violation import Strict, Violation, describe

    try:
        require_bounded(schema, extra)
        jsonschema.Draft202012Validator.check_schema(schema)
        yield from describe(Strict(schema, registry=Registry()), extra)
    except jsonschema.SchemaError as error:
        yield Violation("", f"the schema itself: {error.message[:300]}")
    except Unresolvable as error:
        yield Violation("", f"the schema refers to {error}")
    except (RecursionError, UnboundedError, re.error) as error:
        yield Violation("", f"the schema cannot be used: {error}")


def _is_valid(name: SchemaName, document: Any) -> bool:
    try:
        return _quick_validator(name).is_valid(document)
    except ValueError:  # it has no words for half a surrogate pair
        return False


@cache
def _quick_validator(name: SchemaName) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(load(name))


@cache
def _validator(name: SchemaName) -> Validator:
    from referencing import Registry

    from tinyai_registry.documents.violation import Strict

    # Without "$schema": behind a $ref it would bring back jsonschema's own validator class, and its `$`.
    return Strict({key: value for key, value in load(name).items() if key != "$schema"}, registry=Registry())
