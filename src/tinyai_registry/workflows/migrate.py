"""The story of a migration: a sidecar of an earlier dialect becomes one of today's, published like any release."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from tinyai_registry.checks import pinned, twins
from tinyai_registry.checks.files import flaws
from tinyai_registry.checks.finding import Severity
from tinyai_registry.checks.reading import Document
from tinyai_registry.checks.subject import Subject, read_subject
from tinyai_registry.documents import imported, row, sidecar
from tinyai_registry.documents.attestation import attestation_name
from tinyai_registry.documents.dialects import CURRENT, Dialect, dialect
from tinyai_registry.documents.imported import Facts
from tinyai_registry.documents.schema import require_valid
from tinyai_registry.errors import DocumentError, RegistryError
from tinyai_registry.files import File, Folder, Unreadable
from tinyai_registry.onnxfile.graph import ParsedGraph, UnparsedGraph
from tinyai_registry.onnxfile.runtime import DEFAULT, Runtime, load_runtime
from tinyai_registry.onnxfile.scaler import scaler_in_graph
from tinyai_registry.onnxfile.weights import data_files
from tinyai_registry.release import Account, Release
from tinyai_registry.store.belongings import files_of
from tinyai_registry.store.publish import publish
from tinyai_registry.store.registry import Registered, Registry, open_registry


@dataclass(frozen=True)
class Rewrite:
    """What a migration makes of one model: its release, and what the files corrected in what was said of them."""

    written_in: Dialect
    before: str
    after: str
    corrections: tuple[str, ...]
    release: Release


@dataclass(frozen=True)
class Migration:
    """What became of one model: planned or migrated by the ``rewrite``; current already; or failed, and ``why``."""

    model: str
    status: Literal["current", "planned", "migrated", "failed"]
    rewrite: Rewrite | None = None
    why: str | None = None


def migrate(
    root: Path, model: str, account: Account, patience: float, *, dry_run: bool, runtime: str = DEFAULT
) -> Migration:
    """Publish ``model`` with a sidecar of today's in place of one of an earlier dialect; with ``dry_run``, plan it.

    Its files are held to the limits of ``runtime``.
    Raises RegistryBusyError or PublishError where the registry cannot be written; what is wrong with the model is told
    in the answer.
    """
    try:
        rewrite = _rewrite(open_registry(root), model, load_runtime(runtime))
        if rewrite is None:
            return Migration(model, "current")
        if dry_run:
            return Migration(model, "planned", rewrite)
        why = f"migrated from the {rewrite.written_in.name} dialect"
        publish(root, model, lambda: _rewrite_now(root, model, runtime), replace(account, reason=why), patience)
    except (DocumentError, RegistryError) as error:
        return Migration(model, "failed", why=str(error))
    return Migration(model, "migrated", rewrite)


def _rewrite_now(root: Path, model: str, runtime: str) -> Release:
    rewrite = _rewrite(open_registry(root), model, load_runtime(runtime))
    if rewrite is None:
        raise RegistryError(f"another process has published {model} meanwhile; nothing is left to do")
    return rewrite.release


def _rewrite(registry: Registry, model: str, runtime: Runtime) -> Rewrite | None:
    """None for a model whose sidecar is one of today's. Raises DocumentError or RegistryError where it cannot be."""
    found = registry.find(model)
    if found is None:
        raise RegistryError(f"{registry.root} has no model {model!r}")
    if found.sidecar is None:
        raise DocumentError(f"{found.stem}.json is missing; there is nothing to migrate")
    written_in = dialect(found.sidecar)
    if written_in == CURRENT:
        return None
    require_valid("row", found.row, "the row is broken")
    require_valid(written_in.schema, found.sidecar, "the sidecar is broken")
    _agree(found)
    folder = Folder(registry.root)
    read = read_subject(folder, 0, found.row, runtime)
    files = _files(read, folder, runtime)
    document = imported.compose(found.sidecar, found.row, _facts(read, files))
    require_valid("sidecar", document, "today's sidecar would be broken")
    after = sidecar.render(document)
    read_before = {name: registry.read(name) for name in files_of(registry, found)}
    published = {name: data for name, data in read_before.items() if data is not None}
    published.pop(attestation_name(model), None)  # it is about other files
    published |= {file.name: file.data for file in files}
    published[f"{found.stem}.json"] = after.encode()
    corrections = tuple(imported.corrections(found.sidecar, found.row, document))
    before = read.sidecar.text if isinstance(read.sidecar, Document) else ""
    return Rewrite(written_in, before, after, corrections, Release(model, published, (row.merge(found.row, document),)))


def _agree(found: Registered) -> None:
    """Which of the two is right, nobody here can know."""
    said = found.sidecar or {}
    for key in ("id", "kind", "onnx", "sha256", *row.TWIN_KEYS):
        if key in said and key in found.row and said[key] != found.row[key]:
            raise DocumentError(f"{key} is {said[key]} in the sidecar, {found.row[key]} in the row; mend one of them")


def _files(read: Subject, folder: Folder, runtime: Runtime) -> list[File]:
    """Every file whose bytes a runtime would load. Raises DocumentError if one is not there or not what was pinned."""
    for finding in (*pinned.of_row(read), *twins.of_model(read)):
        # A twin that only the sidecar pins so far is pinned by the row from now on.
        if finding.rule.severity is Severity.ERROR and finding.rule is not twins.UNPINNED:
            raise DocumentError(finding.message)
    files: dict[str, File | Unreadable] = {}
    for each in (read.graph, read.twin):
        if isinstance(each, UnparsedGraph):
            raise DocumentError(f"{each.file.name}: {each.error or 'cannot be read'}")
        if each is not None:
            files[each.file.name] = each.file
            for name in data_files(each.outside, each.file.name):
                files[name] = folder.fetch(name, runtime.max_file_bytes)
    for file in files.values():
        for flaw in flaws(file):
            raise DocumentError(flaw.message)
    return [file for file in files.values() if isinstance(file, File)]


def _facts(read: Subject, files: list[File]) -> Facts:
    graph = read.parsed
    if graph is None or graph.signature.opset is None:
        raise DocumentError("the graph imports no opset of the default domain")
    parsed = [each for each in (graph, read.twin) if isinstance(each, ParsedGraph)]
    opsets = {each.file.name: each.signature.opset for each in parsed}
    return Facts(
        opset=graph.signature.opset,
        inputs=tuple(graph.signature.inputs),
        outputs=tuple(graph.signature.outputs),
        standardises=scaler_in_graph(graph.proto),
        artifacts=tuple(_artifact(file, opsets.get(file.name)) for file in files),
    )


def _artifact(file: File, opset: int | None) -> dict[str, Any]:
    """As a sidecar lists it; a file of weights has no opset."""
    listed = {"path": file.name, "sha256": file.sha256, "bytes": len(file.data)}
    return listed if opset is None else {**listed, "opset": opset}
