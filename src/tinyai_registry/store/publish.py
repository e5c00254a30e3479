"""Putting a release into the registry: everything durable first, then one commit point, then the fixed names.

1. A folder under ``pending`` says that a publish is under way (or was, if nobody holds the lock any more).
2. The release's files go into the object store, each synced and read back.
3. The next entry of the model's log is created exclusively: *the commit*. Before it nothing has happened, after it
   the release is the registered one, whatever becomes of this process.
4. The fixed names are made what the log says (:mod:`projection`), objects of old releases are dropped, and the pending
   folder goes.

The lock is courtesy: it saves writers from each other's races. Should it lie, as on some network file systems, one
of two writers loses the race for the entry and starts again from what the other has published.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import Timeout

from tinyai_registry.documents import strict_json
from tinyai_registry.errors import PublishError, RegistryBusyError, RegistryError, TinyaiError
from tinyai_registry.release import Release
from tinyai_registry.store import durable, layout, log, objects
from tinyai_registry.store.projection import lags, project
from tinyai_registry.store.recovery import bring_up, recover_pending
from tinyai_registry.store.registry import EMPTY, INDEX, files_under, open_registry
from tinyai_registry.store.superseded import files_of
from tinyai_registry.store.turn import turn

# Races that a publish may lose before it gives up.
ATTEMPTS = 50
# Releases of a model whose files are kept, the registered one included.
KEPT_RELEASES = 3


@dataclass(frozen=True)
class Change:
    """A release to be committed; ``restores`` is the number of the log entry that it goes back to, if it does."""

    release: Release
    restores: int | None = None


def init(root: Path) -> Path:
    """An empty registry in the folder ``root``; returns its ``registry.json``. Raises RegistryError if there is one."""
    index = root / INDEX
    try:
        if root.exists() and not root.is_dir():
            raise RegistryError(f"{root} is a file, and a registry is a folder")
        if index.exists():
            raise RegistryError(f"{index} exists already; nothing was changed")
        root.mkdir(parents=True, exist_ok=True)
        workplace = _workplace(root, "init")
        _ignore_store(root, workplace)
        durable.write_new(workplace / INDEX, strict_json.dumps(EMPTY).encode())
        durable.link_new(workplace / INDEX, index)
        durable.remove_folder(workplace)
    except OSError as error:
        raise RegistryError(f"cannot make {index}: {error.strerror}") from error
    return index


def publish(
    root: Path, model: str, make: Callable[[], Change], account: log.Account, patience: float = 60.0
) -> log.Entry:
    """Commit what ``make`` makes as the registered release of ``model``, and bring the registry's files up to it.

    ``make`` is called again whenever somebody else has published the model meanwhile. Raises RegistryBusyError if
    another writer keeps the registry for ``patience`` seconds, PublishError if a file cannot be written: then nothing
    has changed.
    """
    entry: log.Entry | None = None
    try:
        with writing(root, model, patience) as workplace:
            for _ in range(ATTEMPTS):
                with _racing(workplace):
                    if entry is None or not log.holds(root, entry):
                        # Asked before: who commits while the change is made takes the next number away.
                        tip = log.tip(root, model)
                        _finish_others(root, model, workplace)
                        change = make()
                        entry = _prepared(root, change, tip, account, workplace)
                        log.append(root, entry, workplace)
                    # Again: a recovery that saw no lock may have dropped what no entry needed yet.
                    _stored(root, model, change.release.files, workplace)
                    project(root, model, workplace)
                    log.record_tip(root, model, workplace)
                    drop_old(root, model)
                    return entry
        raise RegistryBusyError(f"{model} in {root} was published by others {ATTEMPTS} times meanwhile; try again")
    except (OSError, TinyaiError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        # The log alone knows: the call that commits may do so and fail.
        if entry is not None and log.holds(root, entry):
            if not lags(root, model):
                return entry  # tidying up has finished it
            raise RegistryBusyError(
                f"{model} is published, but its files in {root} could not be brought up to date ({why}); "
                "`tinyai recover` finishes it"
            ) from error
        if isinstance(error, TinyaiError):
            raise
        raise PublishError(f"cannot publish {model} into {root}: {why}; the registry is unchanged") from error


def refuse(root: Path, model: str, account: log.Account) -> None:
    """Record that the gate has refused a candidate of ``model``. Nothing else changes. Raises PublishError."""
    entry: log.Entry | None = None
    try:
        with writing(root, model) as workplace:
            for _ in range(ATTEMPTS):
                with _racing(workplace):
                    if entry is None or not log.holds(root, entry):
                        tip = log.tip(root, model)
                        entry = log.Entry(tip.number + 1, model, "refuse", tip.digest, account, {})
                        log.append(root, entry, workplace)
                    log.record_tip(root, model, workplace)
                    return
    except OSError as error:
        raise PublishError(f"cannot record the refusal of {model} in {root}: {error.strerror}") from error


@contextmanager
def writing(root: Path, model: str, patience: float = 60.0) -> Iterator[Path]:
    """A turn at the registry ``root``: locked, recovered, and with a pending folder of one's own.

    Where anything goes wrong, it is tidied up at once if the disk lets us; else the folder stays, and the next command
    knows by it that there is something to finish.
    """
    durable.make_folder(layout.pending_folder(root))
    try:
        with turn(root, patience):
            workplace = _workplace(root, model)
            try:
                with _racing(workplace):
                    recover_pending(root, workplace)
                    _ignore_store(root, workplace)
                yield workplace
            except BaseException:
                with suppress(OSError, TinyaiError):
                    bring_up(root, model, workplace)
                    durable.remove_folder(workplace)
                raise
            durable.remove_folder(workplace)
    except Timeout:
        raise RegistryBusyError(f"{root} has been busy for {patience:g} seconds; try again") from None


def drop_old(root: Path, model: str) -> list[str]:
    """Drop the objects that only releases before the last ``KEPT_RELEASES`` need; returns their digests."""
    return objects.drop(root, model, *_needed(log.entries(root, model)))


def _needed(history: list[log.Entry]) -> tuple[set[str], set[str]]:
    """The digests that the last releases need, and those that any release has ever needed."""
    releases = [entry for entry in history if entry.is_release]
    last = dict.fromkeys(entry.release_number for entry in reversed(releases))
    kept = set(list(last)[:KEPT_RELEASES])
    needed = {digest for e in releases if e.release_number in kept for digest in e.files.values()}
    return needed, {digest for e in releases for digest in e.files.values()}


@contextmanager
def _racing(workplace: Path) -> Iterator[None]:
    """What is done here stops where another writer was quicker, and its caller begins again."""
    try:
        yield
    except FileExistsError:
        pass  # somebody was first: begin again from what they have published
    except FileNotFoundError:
        if workplace.is_dir():
            raise
        durable.make_folder(workplace)  # a recovery that saw no lock took us for dead


def _finish_others(root: Path, model: str, workplace: Path) -> None:
    """Project what somebody who is at work all the same has committed: a change is made from whole releases."""
    if len(layout.pending(root)) > 1:
        with suppress(RegistryError):  # what cannot be projected is mended by what we are about to publish
            project(root, model, workplace)


def _prepared(root: Path, change: Change, tip: log.Tip, account: log.Account, workplace: Path) -> log.Entry:
    """The entry after ``tip`` that commits ``change``, with everything that it speaks of in the store."""
    release, registry = change.release, files_under(root)
    for name in (*release.files, *release.withdrawn):
        registry.path(name)
    tip = _adopt(root, release.model, tip, account, workplace)
    return log.Entry(
        number=tip.number + 1,
        model=release.model,
        action="publish" if change.restores is None else "rollback",
        parent=tip.digest,
        account=account,
        files=_stored(root, release.model, release.files, workplace),
        rows=release.rows,
        withdrawn=release.withdrawn,
        restores=change.restores,
    )


def _stored(root: Path, model: str, files: Mapping[str, bytes], workplace: Path) -> dict[str, str]:
    return {name: objects.put(root, model, data, workplace) for name, data in files.items()}


def _adopt(root: Path, model: str, tip: log.Tip, account: log.Account, workplace: Path) -> log.Tip:
    """A release that has no history becomes an entry, so that one can go back to it; returns the tip after it."""
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
        account=log.Account(account.time, account.who, account.commit, reason),
        files=_stored(root, model, files, workplace),
        rows=(before.row,),
    )
    return log.append(root, entry, workplace)


def _workplace(root: Path, model: str) -> Path:
    workplace = layout.pending_folder(root) / f"{model}.{uuid.uuid4().hex}"
    durable.make_folder(workplace)
    return workplace


def _ignore_store(root: Path, workplace: Path) -> None:
    ignore = layout.ignore_file(root)
    if not ignore.exists():
        durable.write_new(workplace / ignore.name, layout.IGNORED.encode())
        durable.rename(workplace / ignore.name, ignore)
