"""The story of a load: every model of a registry, loaded and run on its test vector, in onnxruntime.

Models are tried in shares, by whoever does the work. Paths and digests go over, and what was found comes back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from tinyai_registry.checks import pinned
from tinyai_registry.checks.catalogue import rules
from tinyai_registry.checks.finding import Finding, Flaw
from tinyai_registry.checks.location import locate
from tinyai_registry.checks.reading import Document, read_document
from tinyai_registry.checks.running import NOT_SURVIVED
from tinyai_registry.checks.subject import Subject, read_subject
from tinyai_registry.documents import strict_json
from tinyai_registry.documents.index import INDEX
from tinyai_registry.errors import RegistryBusyError
from tinyai_registry.evaluation.progress import Progress
from tinyai_registry.files import File, Folder, Unreadable
from tinyai_registry.lab.trial import Trial, run_models
from tinyai_registry.onnxfile.graph import Graph, ParsedGraph
from tinyai_registry.onnxfile.runtime import load_runtime
from tinyai_registry.onnxfile.weights import data_files
from tinyai_registry.text import count, shorten
from tinyai_registry.workflows.workers.engine import Engine
from tinyai_registry.workflows.workers.executor import carry_out

# Models of one share: so many, or files of so many bytes in all. Each share begins with the start of a process that
# imports onnxruntime, which takes as long as to try a dozen of small models.
SHARE, SHARE_BYTES = 32, 2**24

# A finding as plain data: the code of its rule, the file, the message, the pointer and the model.
Told = tuple[str, str, str, str, str | None]


@dataclass(frozen=True)
class Asked:
    """A row of ``registry.json``, its place there, the digest of each of its files, and their size in bytes together.

    A file that cannot be read has no digest.
    """

    index: int
    row: Mapping[str, Any]
    digests: Mapping[str, str | None]
    size: int


@dataclass(frozen=True)
class Share:
    """Some models of the registry in the folder ``root``, for the runtime ``profile``."""

    root: str
    profile: str
    models: tuple[Asked, ...]


def load(root: Path, profile: str, engine: Engine, progress: Progress) -> list[Finding]:
    """What is wrong with the models of the registry in ``root`` when they are run; what cannot be read is left out.

    Raises RegistryBusyError if a model was published meanwhile, EngineError if nobody is there to work.
    """
    folder, limit = Folder(root), load_runtime(profile).max_file_bytes
    registry = read_document(folder.fetch(INDEX, strict_json.MAX_BYTES))
    rows = registry.value.get("models") if isinstance(registry, Document) else None
    known = [(index, row) for index, row in enumerate(rows if isinstance(rows, list) else []) if isinstance(row, dict)]
    with progress.step("load models"):
        models = [_ask_for(folder, index, row, limit) for index, row in known]
        shares = [Share(str(root.absolute()), profile, tuple(each)) for each in _cut(models)]
        told = _try(engine, shares, progress)
    by_code = rules()
    return locate(folder, [Finding(by_code[code], file, said, at, model) for code, file, said, at, model in told])


def _ask_for(folder: Folder, index: int, row: Mapping[str, Any], limit: int) -> Asked:
    name = row.get("onnx")
    if not isinstance(name, str):
        return Asked(index, row, {}, 0)
    stem = name.removesuffix(".onnx")
    limits = {name: limit, f"{stem}.int8.onnx": limit, f"{stem}.json": strict_json.MAX_BYTES}
    files = [folder.fetch(name, most) for name, most in limits.items()]
    size = sum(len(file.data) for file in files if isinstance(file, File))
    return Asked(index, row, {file.name: _digest(file) for file in files}, size)


def _digest(file: File | Unreadable) -> str | None:
    return file.sha256 if isinstance(file, File) else None


def _cut(models: Sequence[Asked]) -> Iterator[list[Asked]]:
    held: list[Asked] = []
    for model in models:
        if held and (len(held) == SHARE or sum(each.size for each in held) + model.size > SHARE_BYTES):
            yield held
            held = []
        held.append(model)
    if held:
        yield held


def _try(engine: Engine, shares: Sequence[Share], progress: Progress) -> list[Told]:
    """What was found in all ``shares``. A model that kills who tries it has that flaw, and hides no other."""
    sizes = [len(share.models) for share in shares]

    def tell(done: int) -> None:
        progress.advance(sum(sizes[:done]), sum(sizes), count(sum(sizes), "model"))

    def lost(share: Share) -> list[Told]:
        if len(share.models) > 1:
            return _try(engine, [replace(share, models=(each,)) for each in share.models], Progress())
        [asked] = share.models
        model = Subject(asked.index, asked.row, None, None, None, None)
        return [_tell(model.in_row(NOT_SURVIVED, f"{model.id}: it killed each process that was to try it", "onnx"))]

    return list(chain.from_iterable(carry_out(engine, try_models, shares, tell, lost)))


def _tell(found: Finding) -> Told:
    return found.rule.code, found.file, found.message, found.pointer, found.model


# --- where the work is done -----------------------------------------------------------------------------------------


def try_models(share: Share) -> list[Told]:
    """What is wrong with the models of ``share``, each run in a process apart, which they have in common."""
    runtime = load_runtime(share.profile)
    owners: dict[str, tuple[Subject, str]] = {}

    def trials() -> Iterator[Trial]:
        for asked in share.models:
            folder = _SeenFolder(Path(share.root), asked.digests)
            model = read_subject(folder, asked.index, asked.row, runtime)
            pins = pinned.pins(model)
            for each, key in ((model.graph, "onnx"), (model.twin, "int8_sha256")):
                if each is not None and isinstance(each.file, File):
                    owners[each.file.name] = model, key
                    beside = _beside(each, folder, pins, runtime.max_file_bytes)
                    yield Trial(each.file.name, each.file.data, model.said, beside)

    return [_tell(_place(*owners[name], name, flaw)) for name, flaw in run_models(trials())]


@dataclass(frozen=True)
class _SeenFolder(Folder):
    """A folder in which files have the ``digests`` that somebody has seen before."""

    digests: Mapping[str, str | None]

    def fetch(self, name: str, limit: int) -> File | Unreadable:
        """The file ``name``. Raises RegistryBusyError if it is another one now."""
        file = super().fetch(name, limit)
        if name in self.digests and _digest(file) != self.digests[name]:
            raise RegistryBusyError(
                f"{self.root}: {shorten(name)} was changed while models were tried, or a worker sees another folder; "
                "try again"
            )
        return file


def _place(model: Subject, key: str, name: str, flaw: Flaw) -> Finding:
    message = f"{name}: {flaw.message}"
    placed = model.in_sidecar(flaw.rule, message, flaw.pointer) if flaw.pointer else None
    return placed or model.in_row(flaw.rule, message, key)


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
