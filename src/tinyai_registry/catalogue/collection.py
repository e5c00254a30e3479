"""What the pages tell of each model, read from a registry that nobody has checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tinyai_registry.checks.finding import Finding
from tinyai_registry.documents import strict_json
from tinyai_registry.documents.headline import Headline
from tinyai_registry.errors import TinyaiError
from tinyai_registry.files import File, Folder, Unreadable, is_release_file
from tinyai_registry.store import layout, log
from tinyai_registry.store.belongings import files_of
from tinyai_registry.store.registry import Registry
from tinyai_registry.text import shorten
from tinyai_registry.workflows.status import STATES, Standing

# The largest graph that a runtime loads.
MAX_DOWNLOAD = 50 * 2**20

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Download:
    """A file of a release; ``size`` is in bytes."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Listed:
    """One registered model. ``place`` is the folder of its page; the ``downloads`` lie beside it."""

    place: str
    standing: Standing
    row: Json
    sidecar: Json
    card: str | None
    entries: tuple[log.Entry, ...]
    findings: tuple[Finding, ...]
    downloads: tuple[Download, ...]
    unread: str | None = None

    @property
    def id(self) -> str:
        """The id, as the row has it."""
        return self.standing.model

    @property
    def headline(self) -> Headline:
        """Score, date, stage and twin."""
        return self.standing.headline

    @property
    def urgency(self) -> int:
        """Where its state stands in the order in which models want attention."""
        return list(STATES).index(self.standing.state)


def collect(registry: Registry, standings: Sequence[Standing], findings: Sequence[Finding]) -> list[Listed]:
    """Every row of ``registry`` by id, each with how it stands and what ``validate`` has found of it."""
    folder = Folder(registry.root)
    registered = {str(row.get("id")): row for row in registry.rows}
    by_id = {each.model: each for each in standings}
    places = _places(sorted(registered))
    return [
        _list(folder, registry, places[model], by_id[model], row, [f for f in findings if f.model == model])
        for model, row in sorted(registered.items())
    ]


def _places(models: Sequence[str]) -> dict[str, str]:
    """A folder for each of ``models``: its id, if that is a name that no other has where case does not count."""
    counts = Counter(model.casefold() for model in models)
    return {
        model: model if layout.is_model(model) and counts[model.casefold()] == 1 else f"model.{number}"
        for number, model in enumerate(models)
    }


def _list(
    folder: Folder, registry: Registry, place: str, standing: Standing, row: Json, findings: Sequence[Finding]
) -> Listed:
    model = standing.model
    names, unread = _names(registry, model)
    files = {file.name: file for file in _read(folder, names)}
    stem = str(row.get("onnx")).removesuffix(".onnx")
    card = files.get(f"{stem}.md")
    entries, broken = _history(registry, model)
    return Listed(
        place=place,
        standing=standing,
        row=row,
        sidecar=_parse(files.get(f"{stem}.json")),
        card=card.data.decode("utf-8", errors="replace") if card else None,
        entries=entries,
        findings=tuple(findings),
        downloads=tuple(Download(file.name, len(file.data), file.sha256) for file in files.values()),
        unread=unread or broken,
    )


def _names(registry: Registry, model: str) -> tuple[tuple[str, ...], str | None]:
    try:
        found = registry.find(model)
        return (files_of(registry, found) if found else ()), None
    except TinyaiError as error:
        return (), str(error)


def _read(folder: Folder, names: Sequence[str]) -> Iterator[File]:
    for name in names:
        if is_release_file(name):
            file = folder.fetch(name, MAX_DOWNLOAD)
            if not isinstance(file, Unreadable):
                yield file


def _history(registry: Registry, model: str) -> tuple[tuple[log.Entry, ...], str | None]:
    try:
        return tuple(log.entries(registry.root, model)) if layout.is_model(model) else (), None
    except TinyaiError as error:
        return (), shorten(str(error))


def _parse(file: File | None) -> Json:
    try:
        document = {} if file is None else strict_json.loads(file.data, file.name)
    except TinyaiError:
        return {}
    return document if isinstance(document, dict) else {}
