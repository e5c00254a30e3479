"""Holding a registry against an earlier commit: logs only grow, no model goes, and nothing changes past the log."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyai_registry.checks.finding import Finding
from tinyai_registry.checks.growth import MODEL_GONE, REWRITTEN, TIP_BACK, TRUST_CHANGED, UNLOGGED
from tinyai_registry.checks.location import locate
from tinyai_registry.documents import strict_json
from tinyai_registry.documents.config import NAME
from tinyai_registry.documents.index import INDEX
from tinyai_registry.documents.row import FROM_SIDECAR, TWIN_KEYS
from tinyai_registry.documents.sidecar_types import Row
from tinyai_registry.errors import DocumentError, RegistryError
from tinyai_registry.files import MAX_BYTES, File, Folder
from tinyai_registry.store import chain, layout, log
from tinyai_registry.store.registry import ENDINGS, open_registry
from tinyai_registry.text import shorten
from tinyai_registry.trust.base import Base, read_base

_ENTRY = re.compile(rf"{re.escape(layout.FOLDER)}/log/([^/]+)/([0-9]{{8}})\.json")
_TIP = re.compile(rf"{re.escape(layout.FOLDER)}/log/([^/]+)/{re.escape(layout.TIP)}")


def find_withdrawals(root: Path, ref: str) -> list[Finding]:
    """What the registry in ``root`` takes back of what the commit ``ref`` has, or changes past the log.

    Raises RegistryError if there is no such commit.
    """
    base, folder = read_base(root, ref), Folder(root)
    here = _Here(folder, _rows(root), _entries(root))
    found = [*_rewritten(base, folder), *_tips(base, folder), *_gone(base, here), *_unlogged(base, here)]
    return locate(folder, found)


def find_trust_changes(project: Path, ref: str) -> list[Finding]:
    """Whether ``[trust]`` in the ``tinyai.toml`` of the folder ``project``, or a key there, is not what ``ref`` has.

    Nothing is found where that commit has no ``[trust]``. Raises RegistryError if there is no such commit.
    """
    base, folder = read_base(project, ref), Folder(project)
    before, here = _trust_in(base.read([NAME]).get(NAME)), _trust_in(_bytes(folder, NAME))
    if before is None:
        return []
    if before != here:
        return [Finding(TRUST_CHANGED, INDEX, f"[trust] of {NAME} is another than in {shorten(ref)}")]
    named = [str(each[key]) for each in before.get("signers", ()) for key in ("key", "certificate") if key in each]
    changed = [name for name in named if name in base.blobs and base.read([name])[name] != _bytes(folder, name)]
    return [Finding(TRUST_CHANGED, INDEX, f"{shorten(name)} is another than in {shorten(ref)}") for name in changed]


def _trust_in(toml: bytes | None) -> dict[str, Any] | None:
    try:
        return tomllib.loads((toml or b"").decode()).get("trust")
    except ValueError:
        return {}


def _bytes(folder: Folder, name: str) -> bytes | None:
    file = folder.fetch(name, MAX_BYTES)
    return file.data if isinstance(file, File) else None


def find_changed(root: Path, ref: str) -> list[str]:
    """The models of the registry in ``root`` whose row, or any of whose files, is not what the commit ``ref`` has.

    Raises RegistryError if there is no such commit.
    """
    base, folder = read_base(root, ref), Folder(root)
    before = base.rows()
    return [model for model, row in _rows(root).items() if _difference(base, folder, row, before.get(model))]


def find_judged(root: Path, ref: str) -> frozenset[str]:
    """The models of which the commit ``ref`` has evidence, or a sidecar that cannot be read.

    Raises RegistryError if there is no such commit.
    """
    base = read_base(root, ref)
    sidecars = {model: f"{str(row.get('onnx', '')).removesuffix('.onnx')}.json" for model, row in base.rows().items()}
    texts = base.read(dict.fromkeys(sidecars.values()))
    return frozenset(model for model, name in sidecars.items() if name in texts and _is_judged(texts[name], name))


def _is_judged(sidecar: bytes, name: str) -> bool:
    try:
        return "evaluation" in strict_json.loads(sidecar, name)
    except (DocumentError, TypeError):
        return True


@dataclass(frozen=True)
class _Here:
    """The registry as it is: its rows by id, and the logs that can be read by model."""

    folder: Folder
    rows: Mapping[str, Row]
    logs: Mapping[str, list[log.Entry]]

    def since(self, base: Base) -> list[log.Entry]:
        """The releases in the logs that ``base`` does not have."""
        known = base.blobs
        return [
            entry
            for model, entries in self.logs.items()
            for entry in entries
            if entry.is_release and chain.name(model, f"{entry.number:08}.json") not in known
        ]


def _rows(root: Path) -> dict[str, Row]:
    with suppress(DocumentError, RegistryError):  # what is wrong with it is found elsewhere
        return {row["id"]: row for row in open_registry(root).rows if isinstance(row.get("id"), str)}
    return {}


def _entries(root: Path) -> dict[str, list[log.Entry]]:
    found: dict[str, list[log.Entry]] = {}
    with suppress(RegistryError):  # a link in the store is found elsewhere, too
        for model in layout.logged_models(root):
            with suppress(DocumentError, RegistryError):
                found[model] = log.entries(root, model)
    return found


def _rewritten(base: Base, folder: Folder) -> Iterator[Finding]:
    """Entries of the base that are not here as they were."""
    named = {name: match for name in base.blobs if (match := _ENTRY.fullmatch(name))}
    for name, data in base.read(named).items():
        model, number = named[name].groups()
        here = folder.fetch(name, strict_json.MAX_BYTES)
        if not isinstance(here, File):
            yield Finding(REWRITTEN, name, f"entry {int(number)}, which {shorten(base.ref)} has, is gone", "", model)
        elif log.digest_of(here.data) != log.digest_of(data):
            what = f"entry {int(number)} is another than in {shorten(base.ref)}"
            yield Finding(REWRITTEN, name, what, "", model)


def _tips(base: Base, folder: Folder) -> Iterator[Finding]:
    """Tips that name an earlier entry than the base's."""
    named = {name: match for name in base.blobs if (match := _TIP.fullmatch(name))}
    for name, data in base.read(named).items():
        before, after = _number(data), _number_of(folder, name)
        if after is None:
            yield Finding(TIP_BACK, name, f"it named entry {before} in {shorten(base.ref)}", "", named[name][1])
        elif before is not None and after < before:
            what = f"it names entry {after}; in {shorten(base.ref)} it named entry {before}"
            yield Finding(TIP_BACK, name, what, "", named[name][1])


def _number_of(folder: Folder, name: str) -> int | None:
    here = folder.fetch(name, strict_json.MAX_BYTES)
    return _number(here.data) if isinstance(here, File) else None


def _number(tip: bytes) -> int | None:
    try:
        number = strict_json.loads(tip, layout.TIP)["number"]
    except (DocumentError, KeyError, TypeError):
        return None
    return number if type(number) is int else None


def _gone(base: Base, here: _Here) -> Iterator[Finding]:
    """Models of the base without a row, but for members that a later release of their ensemble withdraws."""
    withdrawn = {model for entry in here.since(base) for model in entry.withdrawn_rows}
    for model in sorted(base.rows().keys() - here.rows.keys() - withdrawn):
        yield Finding(MODEL_GONE, INDEX, f"{shorten(model)}, which {shorten(base.ref)} has, has no row", "", model)


def _unlogged(base: Base, here: _Here) -> Iterator[Finding]:
    """Models whose release differs from the base's without an entry that says so."""
    before, entries = base.rows(), here.since(base)
    written = {row["id"] for entry in entries if entry.action != "adopt" for row in entry.rows}
    adopted = {row["id"]: entry for entry in entries if entry.action == "adopt" for row in entry.rows}
    for model, row in here.rows.items():
        was = before.get(model)
        if model in adopted:
            what = None if was is None else _adoption(base, adopted[model], was)
        else:
            what = None if model in written else _difference(base, here.folder, row, was)
        if what is not None:
            yield Finding(UNLOGGED, INDEX, f"{shorten(model)}: {what}", _pointer(here, model), model)


def _pointer(here: _Here, model: str) -> str:
    """The place of the row of ``model``."""
    rows = open_registry(here.folder.root).document["models"]
    return f"/models/{next(i for i, row in enumerate(rows) if isinstance(row, dict) and row.get('id') == model)}"


def _adoption(base: Base, entry: log.Entry, was: Row) -> str | None:
    """What a log that begins with this ``entry`` takes for the release before, and the base does not have."""
    same = {name: base.digest(name) == sha256 for name, sha256 in entry.files.items()}
    other = next((name for name, is_same in same.items() if not is_same), None)
    if other is not None:
        return f"its log begins with a {shorten(other)} that {shorten(base.ref)} does not have"
    recorded = next(row for row in entry.rows if row["id"] == was["id"])
    return None if _released(recorded) == _released(was) else "its log begins with another row than the base has"


def _difference(base: Base, folder: Folder, row: Row, was: Row | None) -> str | None:
    if was is None:
        return f"is new since {shorten(base.ref)}, and no entry of a log says who published it"
    if _released(row) != _released(was):
        return f"its row is another than in {shorten(base.ref)}, and no entry of a log says why"
    stem = str(row.get("onnx", "")).removesuffix(".onnx")
    for name in (f"{stem}{ending}" for ending in ENDINGS):
        here = folder.fetch(name, MAX_BYTES)
        if (here.sha256 if isinstance(here, File) else None) != base.digest(name):
            return f"{shorten(name)} is another than in {shorten(base.ref)}, and no entry of a log says why"
    return None


def _released(row: Row) -> dict[str, Any]:
    """What of a row a release sets."""
    return {key: row.get(key) for key in (*FROM_SIDECAR, *TWIN_KEYS)}
