"""One row of a registry with everything that it vouches for, each file read once: what the checks are about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tinyai_registry.checks.finding import Finding, Rule
from tinyai_registry.checks.reading import BrokenDocument, Document, read_document
from tinyai_registry.documents import strict_json
from tinyai_registry.documents.index import INDEX
from tinyai_registry.files import File, Folder, Unreadable
from tinyai_registry.onnxfile.graph import Graph, ParsedGraph, read_graph
from tinyai_registry.onnxfile.runtime import Runtime

# Models whose files are held in memory at once.
BATCH = 64
# Bytes below which it takes longer to hand a file to another thread than to hash it.
WORTH_A_THREAD = 2**20
NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Subject:
    """A row, the ``index``-th of its registry, and its files; ``None`` where the row does not lead to one."""

    index: int
    row: Mapping[str, Any]
    graph: Graph | None
    twin: Graph | None
    sidecar: Document | BrokenDocument | Unreadable | None
    card: File | Unreadable | None

    @property
    def id(self) -> str | None:
        """As the row has it, if it is a word at all."""
        found = self.row.get("id")
        return found if isinstance(found, str) else None

    @property
    def stem(self) -> str | None:
        """The name of the ONNX file without its ending; sidecar, card and twin share it."""
        return None if self.graph is None else self.graph.file.name.removesuffix(".onnx")

    @property
    def said(self) -> Mapping[str, Any]:
        """What the sidecar says; nothing where there is none that can be read."""
        return self.sidecar.value if isinstance(self.sidecar, Document) else NOTHING

    @property
    def parsed(self) -> ParsedGraph | None:
        """The graph, where it could be parsed."""
        return self.graph if isinstance(self.graph, ParsedGraph) else None

    def in_row(self, rule: Rule, message: str, key: str = "") -> Finding:
        """A finding at ``key`` of the row, or at the row itself."""
        pointer = f"/models/{self.index}" + (f"/{key}" if key in self.row else "")
        return Finding(rule, INDEX, message, pointer, self.id)

    def in_sidecar(self, rule: Rule, message: str, pointer: str = "") -> Finding:
        """A finding at ``pointer`` of the sidecar, of which the row has to name the graph."""
        return Finding(rule, f"{self.stem}.json", message, pointer, self.id)


def read_subjects(folder: Folder, rows: Sequence[Any], runtime: Runtime) -> Iterator[Subject]:
    """The models of all rows that are objects, in order; large files are read and hashed side by side."""
    known = [(index, row) for index, row in enumerate(rows) if isinstance(row, dict)]
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(known), BATCH):
            batch = known[start : start + BATCH]
            ahead = {
                i: pool.submit(read_subject, folder, i, row, runtime) for i, row in batch if _is_large(folder, row)
            }
            for index, row in batch:
                yield ahead[index].result() if index in ahead else read_subject(folder, index, row, runtime)


def _is_large(folder: Folder, row: Mapping[str, Any]) -> bool:
    try:
        return folder.root.joinpath(row["onnx"]).stat().st_size >= WORTH_A_THREAD
    except (KeyError, OSError, TypeError, ValueError):
        return False  # whoever reads it will say what is wrong


def read_subject(folder: Folder, index: int, row: Mapping[str, Any], runtime: Runtime) -> Subject:
    """The model of one row, its files read from ``folder``."""
    name = row.get("onnx")
    if not isinstance(name, str) or not name.endswith(".onnx"):
        return Subject(index, row, None, None, None, None)
    stem, limit = name.removesuffix(".onnx"), runtime.max_file_bytes
    model = row.get("id") if isinstance(row.get("id"), str) else None
    sidecar = read_document(folder.fetch(f"{stem}.json", strict_json.MAX_BYTES), model)
    said = sidecar.value if isinstance(sidecar, Document) else NOTHING
    twin = folder.fetch(f"{stem}.int8.onnx", limit)
    is_twin = isinstance(twin, File) or _speak_of_a_twin(row, said)
    return Subject(
        index=index,
        row=row,
        graph=read_graph(folder.fetch(name, limit)),
        twin=read_graph(twin) if is_twin else None,
        sidecar=sidecar,
        card=folder.fetch(f"{stem}.md", strict_json.MAX_BYTES),
    )


def _speak_of_a_twin(row: Mapping[str, Any], said: Mapping[str, Any]) -> bool:
    """Whether the row does, or the sidecar, which is what the target runtime reads ``quant_mode`` from."""
    return "int8_sha256" in row or any(each.get("quant_mode", "fp32") != "fp32" for each in (row, said))
