"""Making the files with fixed names what the log says: artifacts, sidecars, card, ``registry.json``, then withdrawals.

Idempotent: after an interruption it is done again from the start. ``workplace`` is the caller's, who is the only writer
for as long as it exists (:mod:`takeover`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import reduce
from pathlib import Path
from typing import Any

from tinyai_registry.documents import index, row
from tinyai_registry.documents.index import INDEX
from tinyai_registry.errors import RegistryError
from tinyai_registry.store import durable, layout, log, objects
from tinyai_registry.store.registry import ENDINGS, SIGNATURE, Registry, files_under, open_registry
from tinyai_registry.store.renaming import is_retired, retire_previous


def project(root: Path, model: str, workplace: Path) -> None:
    """Bring the files and rows of ``model`` up to the head of its log.

    If it was renamed, what it was called before is taken away with the same change of ``registry.json``.
    """
    head = log.head(root, model)
    if head is None:
        return
    registry = open_registry(root)
    require_own(registry, head)
    _project_files(root, head, workplace)
    heads = [head, *retire_previous(root, head, workplace)]
    leaving = {gone for each in heads for gone in _leaving_rows(registry, each)}
    _project_rows(registry, stale_rows(registry, head), leaving, workplace)
    for each in heads:
        _withdraw(registry, each, leaving, workplace)


def lags(registry: Registry, model: str) -> bool:
    """Whether a file or a row of the model's head is not what the log says."""
    head = log.head(registry.root, model)
    return head is not None and bool(
        stale_rows(registry, head)
        or _leaving_rows(registry, head)
        or _stale_files(registry, head)
        or not is_retired(registry.root, head)
    )


def _stale_files(registry: Registry, head: log.Entry) -> dict[str, str]:
    return {name: sha256 for name, sha256 in head.files.items() if not _is(registry, name, sha256)}


def _is(registry: Registry, name: str, sha256: str) -> bool:
    try:
        found = registry.digest(name)
        return found == sha256 or (found is not None and name.endswith(SIGNATURE))
    except RegistryError:
        return False  # it cannot be read, so it is replaced, or refused as something that cannot be


def _project_files(root: Path, head: log.Entry, workplace: Path) -> None:
    registry = files_under(root)
    # All are read before the first is put in place: if the store has lost one, the release before stays whole.
    at_hand = {n: objects.get(root, head.model, sha256) for n, sha256 in _stale_files(registry, head).items()}
    for name in at_hand:
        registry.require_replaceable(name)
    for name, data in at_hand.items():
        put_in_place(root, registry.place(name), data, workplace)


def _project_rows(registry: Registry, rows: list[Mapping[str, Any]], leaving: Collection[str], workplace: Path) -> None:
    if rows or leaving:
        text = reduce(index.put_row, rows, reduce(index.remove_row, leaving, registry.text))
        put_in_place(registry.root, registry.root / INDEX, text.encode(), workplace)


def stale_rows(registry: Registry, head: log.Entry) -> list[Mapping[str, Any]]:
    """The rows that the log asks for and that ``registry.json`` does not have."""
    before = {each["id"]: each for entry in _earlier(registry, head) for each in entry.rows} if head.amended else {}
    projected = []
    for each in head.rows:
        now, was = registry.row(each["id"]) or {}, before.get(each["id"], {})
        # What its owner has changed since is the owner's again.
        amended = [key for key in head.amended if now.get(key) == was.get(key)]
        projected.append(row.project_row(registry.row(each["id"]), each, amended))
    return [each for each in projected if registry.row(each["id"]) != each]


def _leaving_rows(registry: Registry, head: log.Entry) -> set[str]:
    """The ids of rows that the release withdraws, except those registered anew or that another model shares.

    Only what an earlier entry of the same log has registered is taken away: an entry may have been planted.
    """
    rows = {model: registry.row(model) or {} for model in head.withdrawn_rows}
    leaving = {model for model, each in rows.items() if each and each.get("sha256") == head.withdrawn_rows[model]}
    if not leaving:
        return leaving
    registered = {each["id"] for entry in _earlier(registry, head) for each in entry.rows}
    return leaving & registered - {each["id"] for other in _other_heads(registry, head) for each in other.rows}


def _withdraw(registry: Registry, head: log.Entry, leaving: Collection[str], workplace: Path) -> None:
    """Remove the files that an earlier entry of the same log has published and no other model has."""
    if not head.withdrawn:
        return
    published = {name for entry in _earlier(registry, head) for name in entry.files}
    spared = {INDEX, *head.files, *_files_of_others(registry, head, leaving)}
    for name in head.withdrawn:
        if name in published and name.casefold() not in {each.casefold() for each in spared}:
            durable.discard(registry.place(name), workplace)


def _earlier(registry: Registry, head: log.Entry) -> list[log.Entry]:
    return [entry for entry in log.entries(registry.root, head.model) if entry.number < head.number]


def _other_heads(registry: Registry, head: log.Entry) -> Iterator[log.Entry]:
    ours = {head.model} if is_retired(registry.root, head) else {head.model, head.previous_id}
    for model in layout.logged_models(registry.root):
        other = None if model in ours else log.head(registry.root, model)
        if other is not None:
            yield other


def _files_of_others(registry: Registry, head: log.Entry, leaving: Collection[str] = ()) -> set[str]:
    """The files of every model that is not the head's, nor a member of it, nor one whose row is leaving."""
    others = list(_other_heads(registry, head))
    found = {name for other in others for name in other.files}
    logged = {each["id"] for other in others for each in other.rows}
    own = {*leaving, *(each["id"] for each in head.rows)} - logged
    for row_of_other in registry.rows:
        if row_of_other.get("id") not in own and isinstance(row_of_other.get("onnx"), str):
            stem = row_of_other["onnx"].removesuffix(".onnx")
            found |= {stem + ending for ending in ENDINGS}
    return found


def require_own(registry: Registry, head: log.Entry) -> None:
    """Raises RegistryError if the release names a row or a file of another model: its entry may have been planted.

    The rows of a release are the model's own and those of its members, called ``<model>_...``. A member that has a log
    of its own is shared as that has it, or not at all.
    """
    model, own = head.model, {each["id"]: each for each in head.rows}
    for member in own.keys() - {model}:
        other = log.head(registry.root, member)
        if not member.startswith(f"{model}_") or (other is not None and not _agree(head, other, member)):
            raise RegistryError(f"the log of {model} claims the row of {member}, another model")
    ours = {model, *own, *_previous_rows(registry.root, head)}
    neighbours = [str(each["onnx"]) for each in registry.rows if each.get("id") not in ours and "onnx" in each]
    taken = {(name.removesuffix(".onnx") + ending).casefold() for name in neighbours for ending in ENDINGS}
    # Files that are not called like the model are rare, and so is the need to read the log of every other.
    if any(not name.rpartition("/")[2].startswith(model) for name in head.files):
        taken |= {name.casefold() for other in _other_heads(registry, head) for name in other.files}
    for name in head.files:
        if name.casefold() in taken:
            raise RegistryError(f"the log of {model} claims {name}, which belongs to another model")


def _previous_rows(root: Path, head: log.Entry) -> set[str]:
    """The ids that the rows of a renamed model had, as long as the log of the previous id has not ended."""
    last = None if is_retired(root, head) or head.previous_id is None else log.head(root, head.previous_id)
    return {each["id"] for each in last.rows} if last else set()


def _agree(head: log.Entry, other: log.Entry, member: str) -> bool:
    here, there = (next((r.get("sha256") for r in e.rows if r["id"] == member), None) for e in (head, other))
    return here == there and all(head.files.get(name, sha256) == sha256 for name, sha256 in other.files.items())


def put_in_place(root: Path, target: Path, data: bytes, workplace: Path) -> None:
    """``data`` as the file ``target`` of the registry ``root``, in one step."""
    staged = workplace / "projected"
    durable.stage(staged, data, replaced=target)
    durable.make_folder(target.parent, root)
    durable.rename(staged, target)
