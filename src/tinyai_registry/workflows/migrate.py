"""The story of a migration: a sidecar of an earlier dialect becomes one of today's, published like any release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from tinyai_registry.checks import pinned, twins
from tinyai_registry.checks.files import flaws
from tinyai_registry.checks.finding import Severity
from tinyai_registry.checks.reading import Document
from tinyai_registry.checks.subject import Subject, read_subject
from tinyai_registry.documents import imported, row, sidecar, strict_json
from tinyai_registry.documents.attestation import attestation_name
from tinyai_registry.documents.dialects import CURRENT, Dialect, dialect
from tinyai_registry.documents.imported import Facts
from tinyai_registry.documents.schema import require_valid
from tinyai_registry.errors import DocumentError, RegistryBusyError, RegistryError, VerificationError
from tinyai_registry.files import File, Folder, Unreadable
from tinyai_registry.onnxfile.graph import ParsedGraph, UnparsedGraph
from tinyai_registry.onnxfile.runtime import DEFAULT, Runtime, load_runtime
from tinyai_registry.onnxfile.scaler import scaler_in_graph
from tinyai_registry.onnxfile.weights import data_files
from tinyai_registry.release import Account, Release
from tinyai_registry.store.activity import tell_pending
from tinyai_registry.store.belongings import files_of
from tinyai_registry.store.publish import publish
from tinyai_registry.store.registry import Registered, Registry, open_registry
from tinyai_registry.workflows.migration.repairs import NO_REPAIRS, Repairs, mend_graphs, mend_row
from tinyai_registry.workflows.staged import require_no_new_error


@dataclass(frozen=True)
class Rewrite:
    """What a migration makes of one model: its release, what changes by it, and what is left and why.

    ``before`` and ``after`` are the sidecar as text, ``row_before`` and ``row_after`` the row; ``dropped`` are the
    files that go, as no graph reads them.
    """

    written_in: Dialect
    before: str
    after: str
    row_before: str
    row_after: str
    corrections: tuple[str, ...]
    left: tuple[str, ...]
    release: Release
    dropped: tuple[str, ...] = ()

    @property
    def changes(self) -> tuple[str, ...]:
        """The corrections, then a line for each file that goes."""
        return (*self.corrections, *(f"{name}, which no graph reads, is gone" for name in self.dropped))


@dataclass(frozen=True)
class Migration:
    """What became of one model: planned or migrated by the ``rewrite``; current already; or failed, and ``why``."""

    model: str
    status: Literal["current", "planned", "migrated", "failed"]
    rewrite: Rewrite | None = None
    why: str | None = None


def migrate(
    root: Path,
    model: str,
    account: Account,
    patience: float,
    *,
    dry_run: bool,
    runtime: str = DEFAULT,
    repairs: Repairs = NO_REPAIRS,
) -> Migration:
    """Publish ``model`` with a sidecar of today's in place of one of an earlier dialect; with ``dry_run``, plan it.

    Its graphs are made self-contained, and its row mended as ``repairs`` says. Its files are held to the limits of
    ``runtime``. What is wrong with the model is told in the answer. Raises RegistryBusyError where that may be the work
    of another writer, and that or PublishError where the registry cannot be written.
    """
    try:
        rewrite = _plan(root, model, runtime, repairs)
        if rewrite is None:
            return Migration(model, "current")
        if dry_run:
            return Migration(model, "planned", rewrite)
        is_new = rewrite.written_in != CURRENT
        why = f"migrated from the {rewrite.written_in.name} dialect" if is_new else "; ".join(rewrite.changes)
        publish(
            root, model, lambda: _rewrite_now(root, model, runtime, repairs), replace(account, reason=why), patience
        )
    except (DocumentError, RegistryError, VerificationError) as error:
        if pending := tell_pending(root):  # between two renames of a writer a digest may not match
            raise RegistryBusyError(f"{model} cannot be judged: {pending}") from error
        return Migration(model, "failed", why=str(error))
    return Migration(model, "migrated", rewrite)


def _plan(root: Path, model: str, runtime: str, repairs: Repairs) -> Rewrite | None:
    """None where nothing is to be done. Raises what :func:`migrate` tells in its answer."""
    registry, profile = open_registry(root), load_runtime(runtime)
    rewrite = _rewrite(registry, model, profile, repairs)
    if rewrite is not None:
        before = [each for each in registry.rows if each.get("id") == model]
        require_no_new_error(rewrite.release, before, registry, profile)
    return rewrite


def _rewrite_now(root: Path, model: str, runtime: str, repairs: Repairs) -> Release:
    rewrite = _plan(root, model, runtime, repairs)
    if rewrite is None:
        raise RegistryError(f"another process has published {model} meanwhile; nothing is left to do")
    return rewrite.release


def _rewrite(registry: Registry, model: str, runtime: Runtime, repairs: Repairs) -> Rewrite | None:
    """None where nothing is to be done. Raises DocumentError or RegistryError where it cannot be."""
    found, written_in = _find(registry, model)
    if found is None:
        return None
    folder = Folder(registry.root)
    read = read_subject(folder, 0, found.row, runtime)
    _require_pinned(read)
    before = _files(read, folder, runtime)
    mended = mend_graphs(read, folder)
    files = _files(mended.read, folder, runtime)
    owners, lines = mend_row(registry, found.row, repairs)
    document = _document(found, owners, _facts(mended.read, files), files, graphs_differ=bool(mended.done))
    published = {name: registry.read(name) or b"" for name in files_of(registry, found)}
    unread = [name for name in published if name.endswith(".data") and name not in {file.name for file in before}]
    dropped = unread if repairs.drop_orphans else []
    # Weights that were taken in, orphans, and an attestation, which is about other files.
    gone = {file.name for file in before} | {*dropped, attestation_name(model)}
    published = {name: data for name, data in published.items() if name not in gone}
    published |= {file.name: file.data for file in files}
    after = published[f"{found.stem}.json"] = sidecar.render(document).encode()
    corrections = (
        *imported.corrections(found.sidecar or {}, found.row, document),
        *(*mended.done, *lines),
    )
    new_row = row.merge(owners, document)
    amended = tuple(key for key in ("license", "sigstore_bundle") if owners.get(key) != found.row.get(key))
    if written_in == CURRENT and not corrections and not dropped:
        return None
    withdrawn = tuple(name for name in files_of(registry, found) if name not in published)
    return Rewrite(
        written_in=written_in,
        before=read.sidecar.text if isinstance(read.sidecar, Document) else "",
        after=after.decode(),
        row_before=strict_json.dumps(found.row),
        row_after=strict_json.dumps(new_row),
        corrections=corrections,
        left=mended.left,
        release=Release(model, published, (new_row,), withdrawn, amended=amended),
        dropped=tuple(dropped),
    )


def _find(registry: Registry, model: str) -> tuple[Registered | None, Dialect]:
    """The model as it stands, None if a refresh or an import mends it, and the dialect of its sidecar.

    Raises DocumentError or RegistryError where it is broken.
    """
    found = registry.find(model)
    if found is None:
        raise RegistryError(f"{registry.root} has no model {model!r}")
    if found.sidecar is None:
        raise DocumentError(f"{found.stem}.json is missing; there is nothing to migrate")
    written_in = dialect(found.sidecar)
    if written_in == CURRENT and ("imported_from" not in found.sidecar or "upstream" in found.sidecar):
        return None, written_in
    require_valid("row", found.row, "the row is broken")
    require_valid(written_in.schema, found.sidecar, "the sidecar is broken")
    _agree(found)
    return found, written_in


def _document(
    found: Registered, owners: Mapping[str, Any], facts: Facts, files: list[File], *, graphs_differ: bool
) -> dict[str, Any]:
    """Today's sidecar. Raises DocumentError if it would be invalid."""
    digests = {file.name: file.sha256 for file in files}
    now = {"sha256": digests[f"{found.stem}.onnx"], "int8_sha256": digests.get(f"{found.stem}.int8.onnx")}
    said, pinned_row = (
        {**each, **{key: value for key, value in now.items() if key in each and value is not None}}
        for each in (found.sidecar or {}, owners)
    )
    if dialect(said) == CURRENT:
        document = imported.renew(said, pinned_row, facts if graphs_differ else None)
    else:
        document = imported.compose(said, pinned_row, facts)
    require_valid("sidecar", document, "today's sidecar would be broken")
    return document


def _agree(found: Registered) -> None:
    """Which of the two is right, nobody here can know."""
    said = found.sidecar or {}
    for key in ("id", "kind", "onnx", "sha256", *row.TWIN_KEYS):
        if key in said and key in found.row and said[key] != found.row[key]:
            raise DocumentError(f"{key} is {said[key]} in the sidecar, {found.row[key]} in the row; mend one of them")


def _require_pinned(read: Subject) -> None:
    """Raises DocumentError if graph or twin are not there, or not what the row pins."""
    for finding in (*pinned.of_row(read), *twins.of_model(read)):
        # A twin that only the sidecar pins so far is pinned by the row from now on.
        if finding.rule.severity is Severity.ERROR and finding.rule is not twins.UNPINNED:
            raise DocumentError(finding.message)


def _files(read: Subject, folder: Folder, runtime: Runtime) -> list[File]:
    """Every file whose bytes a runtime would load. Raises DocumentError if one is not there."""
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
