"""Putting a release into the registry: everything durable first, then one commit point, then the fixed names.

1. A folder under ``pending`` says that a publish is under way (or was, if nobody holds the lock any more).
2. The release's files go into the object store, each synced and read back.
3. The next entry of the model's log is created exclusively: *the commit*. Before it nothing has happened, after it
   the release is the registered one, whatever becomes of this process.
4. The fixed names are made what the log says (:mod:`projection`), objects of old releases are dropped, and the pending
   folder goes.

The lock is courtesy: it saves writers from each other's races. Should it lie, as on some network file systems, the
later of two writers takes the earlier one's workplace away, without which nothing can be changed (:mod:`turn`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
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
from tinyai_registry.release import Account, Release
from tinyai_registry.store import durable, log, objects
from tinyai_registry.store.belongings import files_of
from tinyai_registry.store.projection import lags, project
from tinyai_registry.store.registry import EMPTY, files_under, open_registry
from tinyai_registry.store.takeover import new_workplace
from tinyai_registry.store.turn import PATIENCE, attempts, ignore_store, writing

# Releases of a model whose files are kept, the registered one included.
KEPT_RELEASES = 3


def init(root: Path) -> Path:
    """An empty registry in the folder ``root``; returns its ``registry.json``. Raises RegistryError if there is one."""
    index = root / INDEX
    try:
        if root.exists() and not root.is_dir():
            raise RegistryError(f"{root} is a file, and a registry is a folder")
        if index.exists():
            raise RegistryError(f"{index} exists already; nothing was changed")
        root.mkdir(parents=True, exist_ok=True)
        workplace = new_workplace(root, "init")
        ignore_store(root, workplace)
        durable.write_new(workplace / INDEX, strict_json.dumps(EMPTY).encode())
        durable.link_new(workplace / INDEX, index)
        durable.remove_folder(workplace)
    except OSError as error:
        raise RegistryError(f"cannot make {index}: {error.strerror}") from error
    return index


def publish(
    root: Path, model: str, make: Callable[[], Release], account: Account, patience: float = PATIENCE
) -> tuple[log.Entry, Release]:
    """Commit what ``make`` makes as the registered release of ``model``, and bring the registry's files up to it.

    ``make`` is called again whenever somebody else has published the model meanwhile. Returns the entry, and the
    release that it commits. Raises RegistryBusyError if another writer keeps the registry for ``patience`` seconds,
    PublishError if a file cannot be written: then nothing has changed.
    """
    made: tuple[log.Entry, Release] | None = None
    try:
        for _ in attempts(root, patience):
            if made is not None and _stands(root, made[0]):
                return made  # who has overtaken us after the commit has finished it
            with suppress(OvertakenError), writing(root, model, patience) as workplace:
                if made is None or not log.holds(root, made[0]):
                    release = make()
                    made = _prepare(root, release, account, workplace), release
                    log.append(root, made[0], workplace)
                project(root, model, workplace)
                log.record_tip(root, model, workplace)
                with suppress(DocumentError):  # of a history that cannot be read whole, nothing is dropped
                    drop_old(root, model, workplace)
                return made
        raise RegistryBusyError(f"others have kept writing into {root} for {patience:g} seconds; try again")
    except (OSError, TinyaiError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        # The log alone knows: the call that commits may do so and fail.
        if made is not None and log.holds(root, made[0]):
            if _stands(root, made[0]):
                return made  # tidying up has finished it
            raise RegistryBusyError(
                f"{model} is published, but its files in {root} could not be brought up to date ({why}); "
                "`tinyai recover` finishes it"
            ) from error
        if isinstance(error, TinyaiError):
            raise
        raise PublishError(f"cannot publish {model} into {root}: {why}; the registry is unchanged") from error


def _stands(root: Path, entry: log.Entry) -> bool:
    """Whether ``entry`` was committed, and the files are what it says."""
    return log.holds(root, entry) and not lags(open_registry(root), entry.model)


def refuse(root: Path, model: str, account: Account) -> None:
    """Record that the gate has refused a candidate of ``model``. Nothing else changes. Raises PublishError."""
    entry: log.Entry | None = None
    try:
        for _ in attempts(root, PATIENCE):
            with suppress(OvertakenError), writing(root, model) as workplace:
                if entry is None or not log.holds(root, entry):
                    tip = log.tip(root, model)
                    entry = log.Entry(tip.number + 1, model, "refuse", tip.digest, account, {})
                    log.append(root, entry, workplace)
                log.record_tip(root, model, workplace)
                return
        raise RegistryBusyError(f"others have kept writing into {root} for {PATIENCE:g} seconds; try again")
    except OSError as error:
        raise PublishError(f"cannot record the refusal of {model} in {root}: {error.strerror}") from error


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
    for name in (*release.files, *release.withdrawn):
        registry.path(name)
    tip = _adopt(root, release.model, account, workplace)
    before = log.head(root, release.model)
    files, rows = (before.files, before.rows) if before else ({}, ())
    stay = {row["id"] for row in release.rows}
    return log.Entry(
        number=tip.number + 1,
        model=release.model,
        action="publish" if release.restores is None else "rollback",
        parent=tip.digest,
        account=account,
        files=_store(root, release.model, release.files, workplace),
        rows=release.rows,
        withdrawn=tuple(dict.fromkeys(name for name in (*release.withdrawn, *files) if name not in release.files)),
        withdrawn_rows={row["id"]: row.get("sha256") for row in rows if row["id"] not in stay},
        restores=release.restores,
    )


def _store(root: Path, model: str, files: Mapping[str, bytes], workplace: Path) -> dict[str, str]:
    return {name: objects.put(root, model, data, workplace) for name, data in files.items()}


def _adopt(root: Path, model: str, account: Account, workplace: Path) -> log.Tip:
    """A release that has no history becomes an entry, so that one can go back to it; returns the last entry then."""
    tip = log.tip(root, model)
    if log.head(root, model) is not None:
        return tip
    registry = open_registry(root)
    before = registry.find(model)
    if before is None:
        return tip
    files = {name: registry.path(name).read_bytes() for name in files_of(registry, before)}
    ours = "schema_version" in (before.sidecar or {})
    reason = "published before there was a log" if ours else "registered by another tool"
    entry = log.Entry(
        number=tip.number + 1,
        model=model,
        action="adopt",
        parent=tip.digest,
        account=Account(account.time, account.who, account.commit, reason),
        files=_store(root, model, files, workplace),
        rows=(before.row,),
    )
    return log.append(root, entry, workplace)
