"""The story of a lineage: from each model of a registry down to the logs that its table was made from."""

from __future__ import annotations

from pathlib import Path

from tinyai_registry.checks import lineage
from tinyai_registry.checks.finding import Finding
from tinyai_registry.checks.location import locate
from tinyai_registry.checks.reading import Document, read_document
from tinyai_registry.checks.subject import read_subjects
from tinyai_registry.documents import strict_json
from tinyai_registry.documents.config import Config
from tinyai_registry.documents.index import INDEX
from tinyai_registry.errors import RegistryError
from tinyai_registry.files import Folder
from tinyai_registry.onnxfile.runtime import load_runtime


def follow(root: Path, config: Config, logs: Path) -> list[Finding]:
    """What does not lead from the sidecars in ``root`` to the files in ``logs``; the tables are those of ``config``.

    Raises RegistryError if there is no such folder.
    """
    if not logs.is_dir():
        raise RegistryError(f"the folder of the logs, {logs}, is not there; give another with --logs")
    folder = Folder(root)
    registry = read_document(folder.fetch(INDEX, strict_json.MAX_BYTES))
    rows = registry.value.get("models") if isinstance(registry, Document) else None
    found: list[Finding] = []
    for model in read_subjects(folder, rows if isinstance(rows, list) else [], load_runtime(config.runtime)):
        training = model.said.get("training")
        dataset = training.get("dataset") if isinstance(training, dict) else None
        data = config.tables.get(dataset) if isinstance(dataset, str) else None
        # Of several files no sidecar names the origin.
        table = data.files if data is not None and isinstance(data.files, str) else None
        found += lineage.of_model(model, table, Folder(logs))
    return locate(folder, found)
