"""The story of a load: every model of a registry, loaded and run on its test vector, in onnxruntime."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from tinyai_registry.checks import pinned
from tinyai_registry.checks.finding import Finding
from tinyai_registry.checks.location import locate
from tinyai_registry.checks.reading import Document, read_document
from tinyai_registry.checks.subject import Subject, read_subjects
from tinyai_registry.documents import strict_json
from tinyai_registry.documents.index import INDEX
from tinyai_registry.files import File, Folder
from tinyai_registry.lab.trial import Trial, run_models
from tinyai_registry.onnxfile.graph import Graph, ParsedGraph
from tinyai_registry.onnxfile.runtime import DEFAULT, load_runtime
from tinyai_registry.onnxfile.weights import data_files


def load(root: Path, profile: str = DEFAULT) -> list[Finding]:
    """What is wrong with the models of the registry in ``root`` when they are run; what cannot be read is left out."""
    folder, runtime = Folder(root), load_runtime(profile)
    registry = read_document(folder.fetch(INDEX, strict_json.MAX_BYTES))
    rows = registry.value.get("models") if isinstance(registry, Document) else None
    owners: dict[str, tuple[Subject, str]] = {}

    def trials() -> Iterator[Trial]:
        for model in read_subjects(folder, rows if isinstance(rows, list) else [], runtime):
            pins = pinned.pins(model)
            for each, key in ((model.graph, "onnx"), (model.twin, "int8_sha256")):
                if each is not None and isinstance(each.file, File):
                    owners[each.file.name] = model, key
                    beside = _beside(each, folder, pins, runtime.max_file_bytes)
                    yield Trial(each.file.name, each.file.data, model.said, beside)

    found = []
    for name, flaw in run_models(trials()):
        model, key = owners[name]
        message = f"{name}: {flaw.message}"
        placed = model.in_sidecar(flaw.rule, message, flaw.pointer) if flaw.pointer else None
        found.append(placed or model.in_row(flaw.rule, message, key))
    return locate(folder, found)


def _beside(each: Graph, folder: Folder, pins: Mapping[str, str], limit: int) -> dict[str, bytes]:
    """The data files of a graph whose digests hold, by the location that stands in the graph."""
    if not isinstance(each, ParsedGraph):
        return {}
    above = each.file.name.rpartition("/")[0]
    names = [name for name in data_files(each.outside, each.file.name) if name in pins]
    fetched = {name: folder.fetch(name, limit) for name in names}
    return {
        name.removeprefix(f"{above}/"): file.data
        for name, file in fetched.items()
        if isinstance(file, File) and file.sha256 == pins[name]
    }
