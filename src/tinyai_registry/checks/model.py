"""One row of a registry with everything that it vouches for, each file read once: what the checks are about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import onnx

from tinyai_registry.checks import graph
from tinyai_registry.checks.files import File, Folder
from tinyai_registry.checks.finding import Finding, Flaw, Rule
from tinyai_registry.checks.graph import Signature, signature
from tinyai_registry.checks.reading import Document, document
from tinyai_registry.checks.runtime import Runtime
from tinyai_registry.checks.weights import Outside, external
from tinyai_registry.documents import strict_json
from tinyai_registry.documents.index import INDEX

# Models whose files are held in memory at once.
BATCH = 64
# Bytes below which it takes longer to hand a file to another thread than to hash it.
WORTH_A_THREAD = 2**20
NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Graph:
    """An ONNX file: what it holds where it could be parsed, else the ``flaw`` that says why not.

    ``outside`` are the weights that lie in other files.
    """

    file: File
    proto: onnx.ModelProto | None = None
    signature: Signature | None = None
    outside: Outside = ()
    flaw: Flaw | None = None


@dataclass(frozen=True)
class Model:
    """A row, the ``index``-th of its registry, and its files; ``None`` where the row does not lead to one."""

    index: int
    row: Mapping[str, Any]
    graph: Graph | None
    twin: Graph | None
    sidecar: Document | None
    card: File | None

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
        return NOTHING if self.sidecar is None or self.sidecar.value is None else self.sidecar.value

    def in_row(self, rule: Rule, message: str, key: str = "") -> Finding:
        """A finding at ``key`` of the row, or at the row itself."""
        pointer = f"/models/{self.index}" + (f"/{key}" if key in self.row else "")
        return Finding(rule, INDEX, message, pointer, self.id)

    def in_sidecar(self, rule: Rule, message: str, pointer: str = "") -> Finding:
        """A finding at ``pointer`` of the sidecar, which there must be."""
        assert self.sidecar is not None  # noqa: S101  # callers look into it before they find something there
        return Finding(rule, self.sidecar.file, message, pointer, self.id)


def read_models(folder: Folder, rows: Sequence[Any], runtime: Runtime) -> Iterator[Model]:
    """The models of all rows that are objects, in order; large files are read and hashed side by side."""
    known = [(index, row) for index, row in enumerate(rows) if isinstance(row, dict)]
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(known), BATCH):
            batch = known[start : start + BATCH]
            ahead = {i: pool.submit(read_model, folder, i, row, runtime) for i, row in batch if _is_large(folder, row)}
            for index, row in batch:
                yield ahead[index].result() if index in ahead else read_model(folder, index, row, runtime)


def _is_large(folder: Folder, row: Mapping[str, Any]) -> bool:
    try:
        return folder.root.joinpath(row["onnx"]).stat().st_size >= WORTH_A_THREAD
    except (KeyError, OSError, TypeError, ValueError):
        return False  # whoever reads it will say what is wrong


def read_model(folder: Folder, index: int, row: Mapping[str, Any], runtime: Runtime) -> Model:
    """The model of one row, its files read from ``folder``."""
    name = row.get("onnx")
    if not isinstance(name, str) or not name.endswith(".onnx"):
        return Model(index, row, None, None, None, None)
    stem, limit = name.removesuffix(".onnx"), runtime.max_file_bytes
    model = row.get("id") if isinstance(row.get("id"), str) else None
    twin = folder.fetch(f"{stem}.int8.onnx", limit)
    sidecar = document(folder.fetch(f"{stem}.json", strict_json.MAX_BYTES), model)
    return Model(
        index=index,
        row=row,
        graph=graph_in(folder.fetch(name, limit)),
        twin=graph_in(twin) if twin.data is not None or _speak_of_a_twin(row, sidecar.value) else None,
        sidecar=sidecar,
        card=folder.fetch(f"{stem}.md", strict_json.MAX_BYTES),
    )


def graph_in(file: File) -> Graph:
    """What ``file`` holds, or why that is no graph."""
    if not file.data:
        return Graph(file)
    found = graph.parsed(file.data)
    return Graph(file, flaw=found) if isinstance(found, Flaw) else Graph(file, found, signature(found), external(found))


def _speak_of_a_twin(row: Mapping[str, Any], said: Mapping[str, Any] | None) -> bool:
    """Whether the row does, or the sidecar, which is what the target runtime reads ``quant_mode`` from."""
    return "int8_sha256" in row or any(each.get("quant_mode", "fp32") != "fp32" for each in (row, said or NOTHING))
