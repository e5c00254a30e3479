"""Recording what stands in a registry and its log does not have, so that a rollback can restore it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tinyai_registry.errors import RegistryError
from tinyai_registry.release import Account
from tinyai_registry.store import log, objects
from tinyai_registry.store.belongings import Holding, find_holding
from tinyai_registry.store.registry import Registry, open_registry


def adopt(root: Path, model: str, account: Account, workplace: Path, amended: Collection[str] = ()) -> log.Tip:
    """Record a release that has no history as an entry, and return the last entry.

    So is one that has, if its owner has changed since what is to be ``amended``: from then on the log tells what the
    amendment took the place of from what the owner has changed afterwards.
    """
    head, registry = log.head(root, model), open_registry(root)
    last = None if head is None or head.is_removal else head
    held = find_holding(registry, model) if last is None or amended else None
    if held is None or (last is not None and _pick(last.rows, amended) == _pick(held.rows, amended)):
        return log.find_tip(root, model)
    found = registry.find(model)
    why = replace(
        account, reason=_tell_maker((found.sidecar if found else None) or {}) if last is None else "as it stood"
    )
    return log.append(root, _entry(registry, model, held, held.files, why, workplace), workplace)


def _tell_maker(sidecar: Mapping[str, Any]) -> str:
    """Who published what is recorded now, and when: an entry has the time at which it was made itself."""
    if "schema_version" not in sidecar:
        return "registered by another tool"
    time = sidecar.get("provenance", {}).get("time")
    return f"published {f'at {time}, ' if time else ''}before there was a log"


def _pick(rows: Iterable[Mapping[str, Any]], keys: Collection[str]) -> dict[str, list[Any]]:
    return {str(row["id"]): [row.get(key) for key in keys] for row in rows}


def entry_of_holding(root: Path, model: str, account: Account, workplace: Path, *, signatures: bool) -> log.Entry:
    """An entry of ``model`` as it stands. Raises RegistryError if nothing does any more."""
    registry = open_registry(root)
    held = find_holding(registry, model)
    if held is None:
        raise RegistryError(f"{root} has no model {model!r} any more")
    return _entry(registry, model, held, _names(held, signatures=signatures), account, workplace)


def is_recorded(registry: Registry, model: str, *, signatures: bool) -> bool:
    """Whether the head of the log of ``model`` is what stands of it."""
    held, head = find_holding(registry, model), log.head(registry.root, model)
    if held is None or head is None:
        return False
    now = {name: registry.digest(name) for name in _names(held, signatures=signatures)}
    return list(head.rows) == list(held.rows) and dict(head.files) == now


def _names(held: Holding, *, signatures: bool) -> tuple[str, ...]:
    return (*held.files, *held.signatures) if signatures else held.files


def _entry(
    registry: Registry, model: str, held: Holding, names: Iterable[str], account: Account, workplace: Path
) -> log.Entry:
    read = {name: registry.read(name) for name in names}
    there = {name: data for name, data in read.items() if data is not None}
    tip = log.find_tip(registry.root, model)
    return log.Entry(
        number=tip.number + 1,
        model=model,
        action="adopt",
        parent=tip.digest,
        account=replace(account, table=None, gate=()),
        files={name: objects.put(registry.root, model, data, workplace) for name, data in there.items()},
        rows=held.rows,
    )
