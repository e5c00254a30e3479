"""The story of an import: a model that others made is read, made self-contained, run, described and published.

Nothing is trained or judged here, and sidecar and card say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tinyai_registry.checks import local_names
from tinyai_registry.documents import card, parts, row, sidecar, upstream
from tinyai_registry.documents.excuses import Excuse
from tinyai_registry.documents.imported import Facts
from tinyai_registry.documents.schema import require_valid
from tinyai_registry.documents.sidecar_types import PublishedDocument, as_sidecar
from tinyai_registry.documents.upstream import Claim, Upstream
from tinyai_registry.errors import DocumentError, RegistryError
from tinyai_registry.files import MAX_BYTES, File, FileProblemError, Folder, Unreadable, digest, sha256_of
from tinyai_registry.onnxfile.cleaning import strip
from tinyai_registry.onnxfile.graph import ParsedGraph, parse, read_graph
from tinyai_registry.onnxfile.protobuf import messages
from tinyai_registry.onnxfile.runtime import DEFAULT, load_runtime
from tinyai_registry.onnxfile.scaler import scaler_in_graph
from tinyai_registry.onnxfile.weights import data_files, take_in
from tinyai_registry.recipe import Imported, Regressor, id_flaw, source_flaw
from tinyai_registry.release import Account, Release, Vector
from tinyai_registry.store import log
from tinyai_registry.store.belongings import find_superseded
from tinyai_registry.store.publish import publish
from tinyai_registry.store.registry import open_registry
from tinyai_registry.text import count
from tinyai_registry.workflows.staged import check_release


@dataclass(frozen=True)
class Handed:
    """A model as it was handed in: what is said of it, its file, and the sizes of inputs that leave some open.

    ``claim.upstream`` is completed by what is read and done here.
    """

    claim: Claim
    file: Path
    shapes: Mapping[str, Sequence[int]] = field(default_factory=dict)


def claim_of(declared: Imported, path: Path) -> Claim:
    """What a plugin says of its model, whose file is at ``path``."""
    figures = tuple(
        PublishedDocument(metric=each.metric, value=each.value, source=each.source) for each in declared.published
    )
    told = Upstream(declared.source, declared.commit, path.name, "")
    return Claim(declared.id, declared.kind, declared.license, declared.notes, told, tuple(figures), declared.regressor)


def import_model(
    root: Path,
    handed: Handed,
    account: Account,
    patience: float,
    *,
    dry_run: bool = False,
    runtime: str = DEFAULT,
    excuses: Sequence[Excuse] = (),
) -> tuple[Release, log.Entry | None]:
    """Publish a model that others made in the registry ``root``; with ``dry_run`` everything but that.

    A later version of one that was imported takes its place. Raises DocumentError if the file is no model,
    VerificationError if it does not run or a validation for ``runtime`` would find an error that no excuse names,
    RegistryError if the id is none or is that of a model that was trained here, or the source is no URL.
    """
    if why := id_flaw(handed.claim.id):
        raise RegistryError(f"{handed.claim.id!r} cannot be the id of a model: {why}")
    if why := source_flaw(handed.claim.upstream.source):
        raise RegistryError(f"{handed.claim.id}: the source {why}")
    graph, changes = _read(handed.file, f"{handed.claim.id}.onnx", load_runtime(runtime).max_file_bytes)
    vector = _try(graph, handed.shapes)
    _require_fed(graph, handed.claim.regressor)
    told = replace(handed.claim.upstream, sha256=_digest(handed.file), changes=changes)
    document = upstream.compose(replace(handed.claim, upstream=told), _facts(graph, vector))

    def make() -> Release:
        release = compose(root, document, graph)
        check_release(release, open_registry(root), load_runtime(runtime), excuses)
        return release

    if dry_run:
        return make(), None
    entry, release = publish(root, handed.claim.id, make, account, patience)
    return release, entry


def is_current(root: Path, handed: Handed) -> bool:
    """Whether what is registered is that very file of that commit, fed as is said now.

    Raises RegistryError if the file cannot be read.
    """
    found = open_registry(root).find(handed.claim.id)
    said = (found.sidecar or {}) if found else {}
    before = said.get("upstream", {})
    fed_alike = upstream.is_fed_as(said, handed.claim.regressor)
    return (
        bool(before)
        and fed_alike
        and (before["source"], before["commit"], before["sha256"])
        == (
            handed.claim.upstream.source,
            handed.claim.upstream.commit,
            _digest(handed.file),
        )
    )


def _digest(path: Path) -> str:
    try:
        return digest(path, MAX_BYTES)
    except FileProblemError as error:
        raise RegistryError(f"{path} {error.what}") from error


def _read(path: Path, name: str, limit: int) -> tuple[ParsedGraph, tuple[str, ...]]:
    """The graph in the file ``path``, self-contained and under the name ``name``, and what was changed for that."""
    folder = Folder(path.absolute().parent)
    given = read_graph(folder.fetch(path.name, limit))
    if not isinstance(given, ParsedGraph):
        what = given.file.what if isinstance(given.file, Unreadable) else f"is no model: {given.error or 'it is empty'}"
        raise DocumentError(f"{path} {what}")
    beside = {each: folder.fetch(each, limit) for each in data_files(given.outside, path.name)}
    proto = parse(given.file.data) if isinstance(given.file, File) else given.proto
    if missing := take_in(proto, {each: file.data for each, file in beside.items() if isinstance(file, File)}):
        raise DocumentError(f"{path}: the weights {', '.join(missing[:5])} are to lie beside it, and cannot be read")
    changes = [f"weights of {', '.join(beside)} taken in"] if beside else []
    if next(local_names.of_parts(messages(proto)), None) is not None:
        strip(proto)
        changes.append("traces of the machine that made it taken out")
    if not changes:
        return replace(given, file=replace(given.file, name=name)), ()
    from tinyai_registry.lab.equality import require_same_numbers  # noqa: PLC0415 - it takes a second to import

    data = bytes(proto.SerializeToString(deterministic=True))
    require_same_numbers(path, data, given.signature)
    made = read_graph(File(name, data))
    if not isinstance(made, ParsedGraph):
        raise DocumentError(f"{path}: made self-contained, it cannot be read")
    return made, tuple(changes)


def _try(graph: ParsedGraph, shapes: Mapping[str, Sequence[int]]) -> Vector | None:
    from tinyai_registry.lab.upstream import run_once  # noqa: PLC0415 - it takes a second to import

    unknown = [name for name in shapes if name not in graph.signature.inputs]
    if unknown:
        has = ", ".join(graph.signature.inputs)
        raise DocumentError(f"--shape names {unknown[0]}, which is no input of the graph; it has {has}")
    return run_once(graph.file.name, _bytes(graph), graph.signature, shapes)


def _require_fed(graph: ParsedGraph, regressor: Regressor | None) -> None:
    """Raises DocumentError if ``graph`` is not one that ``regressor`` can be said of."""
    if regressor is None:
        return
    inputs, width = graph.signature.inputs, len(regressor.columns)
    told = ", ".join(f"{name} [{', '.join(str(size or '?') for size in shape)}]" for name, shape in inputs.items())
    if len(inputs) != 1 or [shape[1:] for shape in inputs.values()] != [(width,)]:
        raise DocumentError(
            f"{graph.file.name}: {count(width, 'column')} named, and the graph takes {told}; columns feed a graph "
            f"with one input [N, {width}], one column for each of its features"
        )
    if regressor.mean and scaler_in_graph(graph.proto):
        raise DocumentError(
            f"{graph.file.name}: it standardises its input itself, and nobody may do it twice; give no mean and std"
        )


def _facts(graph: ParsedGraph, vector: Vector | None) -> Facts:
    if graph.signature.opset is None:
        raise DocumentError(f"{graph.file.name}: the graph imports no opset of the default domain")
    data = _bytes(graph)
    listed: dict[str, Any] = {"path": graph.file.name, "sha256": sha256_of(data), "bytes": len(data)}
    listed |= {"opset": graph.signature.opset}
    listed |= {} if vector is None else {"test_vector": parts.vector_document(vector)}
    return Facts(
        opset=graph.signature.opset,
        inputs=tuple(graph.signature.inputs),
        outputs=tuple(graph.signature.outputs),
        standardises=scaler_in_graph(graph.proto),
        artifacts=(listed,),
    )


def _bytes(graph: ParsedGraph) -> bytes:
    return graph.file.data if isinstance(graph.file, File) else b""


def compose(root: Path, document: Mapping[str, Any], graph: ParsedGraph) -> Release:
    """The release in place of what is registered now. Raises RegistryError if that was trained here."""
    registry, model = open_registry(root), str(document["id"])
    found = registry.find(model)
    if found is not None and "recipe" in (found.sidecar or {}):
        raise RegistryError(f"{model} was trained and judged here; import the model under another id")
    require_valid("sidecar", document, f"the sidecar of {model} would be invalid")
    said = as_sidecar(document)
    files = {
        f"{model}.onnx": _bytes(graph),
        f"{model}.json": sidecar.render(said).encode(),
        f"{model}.md": card.render(said).encode(),
    }
    new_row = {**row.merge(found.row if found else None, said), "license": said["license"]}
    amended = ("license",) if found else ()
    return Release(model, files, (new_row,), find_superseded(registry, found, files), amended=amended)
