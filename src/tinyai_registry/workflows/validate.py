"""The story of a validation: every document, file and graph of a registry, and whether they agree with each other."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tinyai_registry.checks import (
    attested,
    calling,
    evidence,
    feeding,
    files,
    identity,
    licence,
    pinned,
    schemas,
    signatures,
    twins,
    unregistered,
)
from tinyai_registry.checks.finding import Finding, Severity
from tinyai_registry.checks.location import locate
from tinyai_registry.checks.reading import BrokenDocument, Document, file_flaws, read_document
from tinyai_registry.checks.subject import Subject, read_subjects
from tinyai_registry.documents import strict_json
from tinyai_registry.documents.index import INDEX, describe_missing
from tinyai_registry.documents.trust_policy import Trust
from tinyai_registry.errors import RegistryBusyError, RegistryError
from tinyai_registry.files import Folder
from tinyai_registry.onnxfile.inspector import Inspector
from tinyai_registry.onnxfile.runtime import DEFAULT, Runtime, load_runtime
from tinyai_registry.store import audit
from tinyai_registry.store.activity import observe
from tinyai_registry.store.log import find_published

# How often, and after how many seconds, a registry is looked at again in which a writer is at work.
LOOKS, PAUSE = 50, 0.1

Row = Mapping[str, Any]


def validate(root: Path, runtime: str = DEFAULT, trust: Trust | None = None) -> list[Finding]:
    """Everything that is wrong with the registry in ``root`` for ``runtime``, in order of files and lines.

    Nothing is written. ``trust`` says who may sign what.

    A broken file hides nothing about the others. Between two renames of a writer a digest may not match; so errors
    count that were found while nobody was at work. Raises RegistryError if there is no registry, RegistryBusyError if
    there are errors and a publish has not come to an end.
    """
    with Inspector() as inspector:  # it starts while the first files are read
        for _ in range(LOOKS):
            if not os.path.lexists(root / INDEX):
                raise RegistryError(describe_missing(root))
            before = observe(root)
            found = _findings(root, load_runtime(runtime), inspector, trust)
            after = observe(root)
            if before == after and not (after.pending and any(each.rule.severity is Severity.ERROR for each in found)):
                return found
            time.sleep(PAUSE)
    why = after if after.pending else "others keep publishing"
    raise RegistryBusyError(f"{root} cannot be judged: {why}")


def _findings(root: Path, runtime: Runtime, inspector: Inspector, trust: Trust | None) -> list[Finding]:
    folder = Folder(root)
    registry = read_document(folder.fetch(INDEX, strict_json.MAX_BYTES))
    found = [Finding(flaw.rule, INDEX, flaw.message) for flaw in file_flaws(registry)]
    found += [registry.finding] if isinstance(registry, BrokenDocument) else []
    by_id: dict[str, Row] | None = None
    if isinstance(registry, Document):
        found += schemas.of_registry(registry.value)
        rows = registry.value.get("models")
        if isinstance(rows, list):
            by_id = {row["id"]: row for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str)}
            found += _of_rows(folder, rows, by_id, runtime, inspector, trust)
    found += audit.of_store(folder, by_id)
    return locate(folder, found)


def _of_rows(
    folder: Folder,
    rows: Sequence[Any],
    by_id: Mapping[str, Row],
    runtime: Runtime,
    inspector: Inspector,
    trust: Trust | None,
) -> Iterator[Finding]:
    yield from identity.of_rows(rows)
    claimed, today = {INDEX}, datetime.now(UTC).date()
    for model in read_subjects(folder, rows, runtime):
        yield from check_model(model, folder, by_id, runtime, inspector)
        yield from signatures.of_model(model, folder, find_published(folder.root, model.id), trust, today)
        claimed |= pinned.claimed(model)
    yield from files.orphans(folder, claimed)
    yield from unregistered.of_documents(folder, claimed, runtime)


def check_model(
    model: Subject, folder: Folder, rows: Mapping[str, Row], runtime: Runtime, inspector: Inspector
) -> Iterator[Finding]:
    """What is wrong with one release; ``rows`` are all rows of its registry by id."""
    yield from pinned.of_row(model)
    yield from pinned.of_graphs(model, folder, runtime, inspector)
    yield from identity.of_model(model)
    yield from twins.of_model(model)
    yield from licence.of_model(model)
    if not isinstance(model.sidecar, Document):
        return
    yield from schemas.of_dialect(model)
    yield from calling.of_model(model, runtime)
    yield from feeding.of_model(model, runtime)
    yield from pinned.of_artifacts(model, folder, rows, runtime, inspector)
    broken = schemas.of_sidecar(model)
    yield from broken
    if not broken:
        yield from evidence.of_model(model, rows)
        yield from attested.of_model(model, folder)
        yield from twins.of_evidence(model)
        yield from schemas.of_rendering(model, folder)
