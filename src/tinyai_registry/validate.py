"""The story of a validation: every document against its schema, every file against its digest."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyai_registry.documents import c_reader, strict_json
from tinyai_registry.documents.dialects import CURRENT, dialect
from tinyai_registry.documents.schema import extra_schema_name, extra_violations, violations
from tinyai_registry.errors import DocumentError, RegistryError
from tinyai_registry.recipe import fingerprint
from tinyai_registry.store import layout, log
from tinyai_registry.store.recovery import is_pending, settle
from tinyai_registry.store.registry import INDEX, Registry, open_registry


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: in which file, of which model (if it is about one), and what."""

    file: str
    model: str | None
    message: str


# How often, and after how many seconds, a finding is looked at again where a writer may be at work.
LOOKS, PAUSE = 50, 0.1


def validate(root: Path) -> list[Finding]:
    """Everything that is wrong with the registry in ``root``; a broken file hides nothing about the others.

    Between two renames of a writer a digest may not match. So where there is a log, a finding counts when it is seen
    twice with nobody at work.
    """
    settle(root)
    found = _findings(root)
    if not (root / layout.FOLDER).is_dir():
        return found
    for _ in range(LOOKS):
        if not found:
            break
        time.sleep(PAUSE)
        settle(root)
        before, found = found, _findings(root)
        if found == before and not is_pending(root):
            break
    return found


def _findings(root: Path) -> list[Finding]:
    try:
        registry = open_registry(root)
    except DocumentError as error:
        return [Finding(INDEX, None, str(error))]
    found = [Finding(INDEX, None, str(v)) for v in violations("registry", registry.document)]
    ids = [row.get("id") for row in registry.rows]
    repeated = sorted({str(i) for i in ids if ids.count(i) > 1})
    found += [Finding(INDEX, i, f"several rows have the id {i!r}; keep one") for i in repeated]
    for row in registry.rows:
        found += _model(registry, row)
    for model in log.models(root):
        found += _history(registry, model)
    return found


def _history(registry: Registry, model: str) -> Iterator[Finding]:
    """Whether the log is unbroken, and the registry shows what its last release says."""
    folder = f"{layout.FOLDER}/log/{model}"
    broken = log.breaks(registry.root, model)
    yield from (Finding(f"{folder}/{name}", model, problem) for name, problem in broken)
    head = None if broken else log.head(registry.root, model)
    if head is None:
        return
    file = f"{folder}/{head.number:08}.json"
    for name, sha256 in head.files.items():
        if registry.digest(name) != sha256:
            yield Finding(file, model, f"{name} is not what the log says was published")
    for recorded in head.rows:
        row = registry.row(recorded["id"])
        if row is None or row.get("sha256") != recorded.get("sha256"):
            yield Finding(file, model, f"the row of {recorded['id']} is not what the log says was published")


def _model(registry: Registry, row: Mapping[str, Any]) -> Iterator[Finding]:
    model, onnx = str(row.get("id")), row.get("onnx")
    if not isinstance(onnx, str):
        return  # the schema has said so
    try:
        yield from _digest(registry, INDEX, model, onnx, row.get("sha256"))
        stem = onnx.removesuffix(".onnx")
        if "int8_sha256" in row:
            yield from _digest(registry, INDEX, model, f"{stem}.int8.onnx", row["int8_sha256"])
        yield from _sidecar(registry, row, model, f"{stem}.json")
    except (RegistryError, DocumentError) as error:
        yield Finding(INDEX, model, str(error))


def _digest(registry: Registry, file: str, model: str, name: str, sha256: Any) -> Iterator[Finding]:
    digest = registry.digest(name)
    if digest is None:
        yield Finding(file, model, f"{name} is pinned but missing")
    elif digest != sha256:
        yield Finding(file, model, f"{name} has the digest {digest}, not {sha256}")


def _sidecar(registry: Registry, row: Mapping[str, Any], model: str, name: str) -> Iterator[Finding]:
    path = registry.path(name)
    if not path.is_file():
        yield Finding(name, model, "the model has no sidecar")
        return
    document = strict_json.read(path)
    broken = list(violations(dialect(document).schema, document))
    yield from (Finding(name, model, str(violation)) for violation in broken)
    if broken or dialect(document) != CURRENT:
        return  # an earlier dialect says no more that could be checked here
    yield from (Finding(name, model, text) for text in c_reader.misread(path.read_text(encoding="utf-8")))
    for key in ("id", "kind", "onnx", "opset", "sha256", "notes"):
        if row.get(key) != document[key]:
            yield Finding(name, model, f"{key} is {document[key]!r}, but the row says {row.get(key)!r}")
    for artifact in document["artifacts"]:
        yield from _digest(registry, name, model, artifact["path"], artifact["sha256"])
    if "imported_from" in document:
        return  # it has no evidence that could be held against itself
    if document["recipe_fingerprint"] != fingerprint(document["recipe"]):
        yield Finding(name, model, "recipe_fingerprint is not that of the recipe beside it")
    yield from _extra(registry, document, model, name)


def _extra(registry: Registry, document: Mapping[str, Any], model: str, name: str) -> Iterator[Finding]:
    # A member has what its ensemble has, and the ensemble's schema.
    schema = extra_schema_name(document.get("member_of", model))
    if registry.path(schema).is_file():
        found = extra_violations(strict_json.read(registry.path(schema)), document["extra"])
        yield from (Finding(name, model, f"extra: {violation}") for violation in found)
    elif document["extra"]:
        yield Finding(schema, model, "the sidecar has extra fields, but the schema that describes them is missing")
