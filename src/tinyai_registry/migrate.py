"""The story of a migration: a sidecar of an earlier dialect becomes one of today's, published like any release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from tinyai_registry.checks import pinned, twins, weights
from tinyai_registry.checks.files import File, Folder
from tinyai_registry.checks.finding import Severity
from tinyai_registry.checks.model import Model, read_model
from tinyai_registry.checks.runtime import load_runtime
from tinyai_registry.checks.scaler import scaler_in_graph
from tinyai_registry.documents import imported, row, sidecar
from tinyai_registry.documents.dialects import CURRENT, Dialect, dialect
from tinyai_registry.documents.imported import Facts
from tinyai_registry.documents.schema import SchemaName, violations
from tinyai_registry.errors import DocumentError, RegistryError
from tinyai_registry.release import Release
from tinyai_registry.store.log import Account
from tinyai_registry.store.publish import Change, publish
from tinyai_registry.store.registry import Registered, Registry, open_registry
from tinyai_registry.store.superseded import files_of


@dataclass(frozen=True)
class Plan:
    """What a migration makes of one model: its release, and what the files corrected in what was said of them."""

    written_in: Dialect
    before: str
    after: str
    corrections: tuple[str, ...]
    release: Release


@dataclass(frozen=True)
class Migration:
    """What became of one model: planned or migrated by the ``plan``; current already; or failed, and ``why``."""

    model: str
    status: Literal["current", "planned", "migrated", "failed"]
    plan: Plan | None = None
    why: str | None = None


def migrate(root: Path, model: str, account: Account, patience: float, *, dry_run: bool) -> Migration:
    """Publish ``model`` with a sidecar of today's in place of one of an earlier dialect; with ``dry_run``, plan it.

    Raises RegistryBusyError or PublishError where the registry cannot be written; what is wrong with the model is told
    in the answer.
    """
    try:
        plan = _plan(open_registry(root), model)
        if plan is None:
            return Migration(model, "current")
        if dry_run:
            return Migration(model, "planned", plan)
        why = f"migrated from the {plan.written_in.name} dialect"
        publish(root, model, lambda: _change(root, model), replace(account, reason=why), patience)
    except (DocumentError, RegistryError) as error:
        return Migration(model, "failed", why=str(error))
    return Migration(model, "migrated", plan)


def _change(root: Path, model: str) -> Change:
    plan = _plan(open_registry(root), model)
    if plan is None:
        raise RegistryError(f"another process has published {model} meanwhile; nothing is left to do")
    return Change(plan.release)


def _plan(registry: Registry, model: str) -> Plan | None:
    """None for a model whose sidecar is one of today's. Raises DocumentError or RegistryError where it cannot be."""
    found = registry.find(model)
    if found is None:
        raise RegistryError(f"{registry.root} has no model {model!r}")
    if found.sidecar is None:
        raise DocumentError(f"{found.stem}.json is missing; there is nothing to migrate")
    written_in = dialect(found.sidecar)
    if written_in == CURRENT:
        return None
    _valid("row", found.row, "the row is broken")
    _valid(written_in.schema, found.sidecar, "the sidecar is broken")
    _agree(found)
    folder = Folder(registry.root)
    read = read_model(folder, 0, found.row, load_runtime())
    files = _files(read, folder)
    document = imported.compose(found.sidecar, found.row, _facts(read, files))
    _valid("sidecar", document, "today's sidecar would be broken")
    after = sidecar.rendered(document)
    published = {name: registry.path(name).read_bytes() for name in files_of(registry, found)}
    published |= {file.name: file.data for file in files if file.data is not None}
    published[f"{found.stem}.json"] = after.encode()
    corrections = tuple(imported.corrections(found.sidecar, found.row, document))
    release = Release(model, published, (row.merged(found.row, document),), ())
    return Plan(written_in, read.sidecar.text if read.sidecar else "", after, corrections, release)


def _valid(schema: SchemaName, document: Mapping[str, Any], what: str) -> None:
    for violation in violations(schema, document):
        raise DocumentError(f"{what} at {violation}")


def _agree(found: Registered) -> None:
    """Which of the two is right, nobody here can know."""
    said = found.sidecar or {}
    for key in ("id", "kind", "onnx", "sha256", *row.TWIN_KEYS):
        if key in said and key in found.row and said[key] != found.row[key]:
            raise DocumentError(f"{key} is {said[key]} in the sidecar, {found.row[key]} in the row; mend one of them")


def _files(read: Model, folder: Folder) -> list[File]:
    """Every file whose bytes a runtime would load. Raises DocumentError if one is not there or not what was pinned."""
    for finding in (*pinned.of_row(read), *twins.of_model(read)):
        # A twin that only the sidecar pins so far is pinned by the row from now on.
        if finding.rule.severity is Severity.ERROR and finding.rule is not twins.UNPINNED:
            raise DocumentError(finding.message)
    graphs = [each for each in (read.graph, read.twin) if each is not None]
    data: list[str] = []
    for each in graphs:
        if each.proto is None:
            raise DocumentError(f"{each.file.name}: {each.flaw.message if each.flaw else 'cannot be read'}")
        data += weights.data_files(each.outside, each.file.name)
    files = [folder.fetch(name, load_runtime().max_file_bytes) for name in dict.fromkeys(data)]
    for file in files:
        for flaw in file.flaws:
            raise DocumentError(flaw.message)
    return [*(each.file for each in graphs), *files]


def _facts(read: Model, files: list[File]) -> Facts:
    graph = read.graph
    if graph is None or graph.proto is None or graph.signature is None or graph.signature.opset is None:
        raise DocumentError("the graph imports no opset of the default domain")
    opsets = {each.file.name: each.signature.opset for each in (graph, read.twin) if each and each.signature}
    return Facts(
        opset=graph.signature.opset,
        inputs=tuple(graph.signature.inputs),
        outputs=tuple(graph.signature.outputs),
        standardises=scaler_in_graph(graph.proto),
        artifacts=tuple(_artifact(file, opsets.get(file.name)) for file in files),
    )


def _artifact(file: File, opset: int | None) -> dict[str, Any]:
    """As a sidecar lists it; a file of weights has no opset."""
    listed = {"path": file.name, "sha256": file.sha256, "bytes": len(file.data or b"")}
    return listed if opset is None else {**listed, "opset": opset}
