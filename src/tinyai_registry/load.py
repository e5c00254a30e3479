"""The story of a load: every model of a registry, loaded and run on its test vector, in onnxruntime."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from tinyai_registry.checks import pinned, weights
from tinyai_registry.checks.files import Folder
from tinyai_registry.checks.finding import Finding
from tinyai_registry.checks.location import located
from tinyai_registry.checks.model import Graph, Model, read_models
from tinyai_registry.checks.reading import document
from tinyai_registry.checks.runtime import load_runtime
from tinyai_registry.documents import strict_json
from tinyai_registry.documents.index import INDEX
from tinyai_registry.lab import loading


def load(root: Path) -> list[Finding]:
    """What is wrong with the models of the registry in ``root`` when they are run; what cannot be read is left out."""
    folder, runtime = Folder(root), load_runtime()
    registry = document(folder.fetch(INDEX, strict_json.MAX_BYTES)).value or {}
    rows = registry.get("models")
    owners: dict[str, tuple[Model, str]] = {}

    def files() -> Iterator[loading.Model]:
        for model in read_models(folder, rows if isinstance(rows, list) else [], runtime):
            pins = pinned.pins(model)
            for each, key in ((model.graph, "onnx"), (model.twin, "int8_sha256")):
                if each is not None and each.file.data:
                    owners[each.file.name] = model, key
                    beside = _beside(each, folder, pins, runtime.max_file_bytes)
                    yield loading.Model(each.file.name, each.file.data, model.said, beside)

    found = []
    for name, flaw in loading.run_models(files()):
        model, key = owners[name]
        message = f"{name}: {flaw.message}"
        placed = model.in_sidecar(flaw.rule, message, flaw.pointer) if flaw.pointer else None
        found.append(placed or model.in_row(flaw.rule, message, key))
    return located(folder, found)


def _beside(each: Graph, folder: Folder, pins: Mapping[str, str], limit: int) -> dict[str, bytes]:
    """The data files of a graph whose digests hold, by the location that stands in the graph."""
    above = each.file.name.rpartition("/")[0]
    names = [name for name in weights.data_files(each.outside, each.file.name) if name in pins]
    fetched = {name: folder.fetch(name, limit) for name in names}
    return {
        name.removeprefix(f"{above}/"): file.data
        for name, file in fetched.items()
        if file.data is not None and file.sha256 == pins[name]
    }
