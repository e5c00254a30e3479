"""Putting a release into the registry: everything durable first, then one commit point, then the fixed names.

1. A folder under ``pending`` says that a publish is under way (or was, if nobody holds the lock any more).
2. The release's files go into the object store, each synced and read back.
3. The next entry of the model's log is created exclusively: *the commit*. Before it nothing has happened, after it
   the release is the registered one, whatever becomes of this process.
4. The fixed names are made what the log says (:mod:`projection`), objects of old releases are dropped, and the pending
   folder goes.

The lock only saves writers from racing. Correctness does not rest on it, as on some network file systems two processes
may hold it: there the later of two writers fences the earlier one by taking its workplace away (:mod:`takeover`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from tinyai_registry.documents import strict_json
from tinyai_registry.documents.index import INDEX
from tinyai_registry.errors import (
    DocumentError,
    OvertakenError,
    PublishError,
    RegistryBusyError,
    RegistryError,
    TinyaiError,
)
from tinyai_registry.files import explain
from tinyai_registry.release import Account, Release
from tinyai_registry.store import durable, layout, log, objects
from tinyai_registry.store.adoption import adopt, entry_of_holding, is_recorded
from tinyai_registry.store.projection import lags, project, require_own
from tinyai_registry.store.registry import EMPTY, files_under, open_registry
from tinyai_registry.store.takeover import new_workplace
from tinyai_registry.store.turn import PATIENCE, attempts, take_turn, write_git_files

# Releases of a model whose files are kept, the registered one included.
KEPT_RELEASES = 3


def init(root: Path) -> Path:
    """An empty registry in the folder ``root``; returns its ``registry.json``. Raises RegistryError if there is one."""
    index = root / INDEX
    try:
        if root.exists() and not root.is_dir():
            raise RegistryError(f"{root} is a file, and a registry is a folder")
        if os.path.lexists(index):
            raise RegistryError(f"{index} exists already; nothing was changed")
        root.mkdir(parents=True, exist_ok=True)
        workplace = new_workplace(root, "init")
        write_git_files(root, workplace)
        durable.stage(workplace / INDEX, strict_json.dumps(EMPTY).encode())
        durable.link_new(workplace / INDEX, index)
        with suppress(OSError):  # the registry is made; the next writer removes what stayed behind
            durable.remove_folder(workplace)
    except OSError as error:
        raise RegistryError(f"cannot make {index}: {explain(error)}") from error
    return index


def publish(
    root: Path, model: str, make: Callable[[], Release], account: Account, patience: float = PATIENCE
) -> tuple[log.Entry, Release]:
    """Commit what ``make`` makes as the registered release of ``model``, and bring the registry's files up to it.

    ``make`` is called again whenever somebody else has published the model meanwhile. Returns the entry, and the
    release that it commits. Raises RegistryBusyError if another writer keeps the registry for ``patience`` seconds, or
    if the release is published and something is left to do; PublishError if a file cannot be written: then nothing has
    changed.
    """
    made: list[Release] = []

    def prepare(workplace: Path) -> log.Entry:
        made.append(make())
        return _prepare(root, made[-1], account, workplace)

    def finish(workplace: Path) -> None:
        project(root, model, workplace)
        log.record_tip(root, model, workplace)
        with suppress(DocumentError, RegistryError):  # of a history that cannot be read whole, nothing is dropped
            drop_old(root, model, workplace)

    change = _Change(prepare, finish, f"publish {model} into {root}", f"{model} is published")
    return _commit(root, model, change, patience), made[-1]


def record(root: Path, model: str, account: Account, patience: float = PATIENCE, *, signatures: bool = False) -> None:
    """Record ``model`` as it stands, if its log has something else. No file and no row changes.

    What is done to it next can then be taken back; a removal, which takes its ``signatures`` too, as a whole. Raises
    what publish raises.
    """
    if is_recorded(open_registry(root), model, signatures=signatures):
        return

    def prepare(workplace: Path) -> log.Entry:
        why = replace(account, reason="as it stood")
        return entry_of_holding(root, model, why, workplace, signatures=signatures)

    def finish(workplace: Path) -> None:
        log.record_tip(root, model, workplace)

    change = _Change(prepare, finish, f"record {model} as it stands in {root}", f"{model} is recorded as it stands")
    _commit(root, model, change, patience)


def refuse(root: Path, model: str, account: Account) -> None:
    """Record that the gate has refused a candidate of ``model``. Nothing else changes. Raises what publish raises."""

    def prepare(_: Path) -> log.Entry:
        tip = log.find_tip(root, model)
        return log.Entry(tip.number + 1, model, "refuse", tip.digest, account, {})

    def finish(workplace: Path) -> None:
        log.record_tip(root, model, workplace)

    change = _Change(prepare, finish, f"record the refusal of {model} in {root}", f"the refusal of {model} is recorded")
    _commit(root, model, change, PATIENCE)


@dataclass(frozen=True)
class _Change:
    """What makes the entry to commit, what follows from that, and both in words. The calls are given a workplace."""

    prepare: Callable[[Path], log.Entry]
    finish: Callable[[Path], None]
    aim: str
    done: str


def _commit(root: Path, model: str, change: _Change, patience: float) -> log.Entry:
    """Append the entry of ``change`` to the log of ``model`` and finish it; start over if another writer fences us."""
    entry: log.Entry | None = None
    committed = False
    try:
        for _ in attempts(root, patience):
            # The call that commits may do so and fail.
            committed = committed or (entry is not None and log.holds(root, entry))
            if entry is not None and committed and not lags(open_registry(root), model):
                return entry  # the writer that fenced us after the commit has finished it
            with suppress(OvertakenError), take_turn(root, model, patience) as workplace:
                if entry is None or not (committed or log.holds(root, entry)):
                    entry = change.prepare(workplace)
                    log.append(root, entry, workplace)
                committed = True
                change.finish(workplace)
                return entry
        raise RegistryBusyError(f"others have kept writing into {root} for {patience:g} seconds; try again")
    except (OSError, TinyaiError) as error:
        why = explain(error) if isinstance(error, OSError) else str(error)
        if entry is not None and (committed or _is_committed(root, entry, change, why)):
            if _is_finished(root, model):
                return entry  # tidying up has finished it
            raise RegistryBusyError(
                f"{change.done}, but not everything could be brought up to date ({why}); `tinyai recover` finishes it"
            ) from error
        if isinstance(error, TinyaiError):
            raise
        raise PublishError(f"cannot {change.aim}: {why}; the registry is unchanged") from error


def _is_committed(root: Path, entry: log.Entry, change: _Change, why: str) -> bool:
    """Whether ``entry`` was committed by a call that failed. Raises RegistryBusyError if the log cannot be read."""
    try:
        return log.holds(root, entry)
    except (OSError, TinyaiError) as error:
        raise RegistryBusyError(
            f"{change.done}, or not: its log cannot be read any more ({why}); "
            "`tinyai recover` finishes what was committed"
        ) from error


def _is_finished(root: Path, model: str) -> bool:
    """Whether files, rows and tip are what the log of ``model`` says, and no workplace speaks of it any more."""
    try:
        at_work = model in map(layout.model_of, layout.workplaces(root))
        return not (at_work or log.tip_lags(root, model) or lags(open_registry(root), model))
    except (OSError, TinyaiError):
        return False


def drop_old(root: Path, model: str, workplace: Path) -> list[str]:
    """Drop the objects that only releases before the last ``KEPT_RELEASES`` need; returns their digests."""
    releases = [entry for entry in log.entries(root, model) if entry.is_release]
    last = dict.fromkeys(entry.release_number for entry in reversed(releases))
    kept = set(list(last)[:KEPT_RELEASES])
    needed = {digest for e in releases if e.release_number in kept for digest in e.files.values()}
    return objects.keep_only(root, model, needed, workplace)


def _prepare(root: Path, release: Release, account: Account, workplace: Path) -> log.Entry:
    """The entry that commits ``release``, with everything that it speaks of in the store."""
    registry = files_under(root)
    for name in release.files:
        registry.require_replaceable(name)
    for name in release.withdrawn:
        registry.place(name)
    amended = release.amended if release.restores is None else ()  # a rollback leaves the owner what is the owner's
    tip = adopt(root, release.model, account, workplace, amended)
    before = log.head(root, release.model)
    files, rows = (before.files, before.rows) if before else ({}, ())
    stay = {row["id"] for row in release.rows}
    entry = log.Entry(
        number=tip.number + 1,
        model=release.model,
        action=_action(release),
        parent=tip.digest,
        account=account,
        files=_store(root, release.model, release.files, workplace),
        rows=release.rows,
        withdrawn=tuple(dict.fromkeys(name for name in (*release.withdrawn, *files) if name not in release.files)),
        withdrawn_rows={row["id"]: row.get("sha256") for row in rows if row["id"] not in stay},
        restores=release.restores,
        previous_id=release.previous_id,
        amended=release.amended,
    )
    try:
        require_own(open_registry(root), entry)
    except RegistryError as error:
        raise RegistryError(f"{error}; nothing was published: rename or remove that one first") from error
    return entry


def _action(release: Release) -> log.Action:
    if release.previous_id is not None:
        return "rename"
    if release.restores is not None:
        return "rollback"
    return "publish" if release.rows or release.files else "remove"


def _store(root: Path, model: str, files: Mapping[str, bytes], workplace: Path) -> dict[str, str]:
    return {name: objects.put(root, model, data, workplace) for name, data in files.items()}
