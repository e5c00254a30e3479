"""Reading a release while others write: row, sidecar and bytes of one release, or a clear error.

Nothing is locked. What is read is held against one entry of the log (or, where another tool registered the model,
against its row); while a publish is under way, what does not agree is read again. The bytes that are handed out are
those that were hashed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tinyai_registry.documents.index import INDEX
from tinyai_registry.errors import RegistryBusyError, RegistryError
from tinyai_registry.files import sha256_of
from tinyai_registry.store import log
from tinyai_registry.store.activity import is_pending
from tinyai_registry.store.belongings import files_of
from tinyai_registry.store.projection import stale_rows
from tinyai_registry.store.registry import Registered, Registry, open_registry
from tinyai_registry.text import name_some, suggest

# Seconds between two looks at a registry in which a publish is under way, and for which a reader looks.
PAUSE, PATIENCE = 0.02, 10.0


@dataclass(frozen=True)
class _Look:
    """One look at a model: what was there, and the first thing that is not of the release that was looked for."""

    registry: Registry
    found: Registered | None
    wrong: str | None


# Which files to look at, besides the sidecar.
Choice = Callable[[Registry, Registered, log.Entry | None], Iterable[str]]


def read_release(root: Path, model: str, patience: float = PATIENCE) -> Registered:
    """The registered release of ``model``, whole.

    Raises RegistryError if there is none, or its files are not those that were registered; RegistryBusyError if a
    publish that is under way has not come to an end after ``patience`` seconds.
    """
    return _snapshot(root, model, _every_file, patience)


def read_documents(root: Path, model: str, patience: float = PATIENCE) -> Registered:
    """The row of ``model`` and, as far as they are there, its sidecar and card, all of one release.

    Its graph is not read, and may be damaged. Raises what :func:`read_release` raises.
    """
    return _snapshot(root, model, _card, patience)


def read_as_it_stands(root: Path, model: str, patience: float = PATIENCE) -> tuple[Registry, Registered | None]:
    """The registry, and of ``model`` row and sidecar: of one release, unless there is damage, which stops nobody here.

    A refresh starts from them, and mends it. Raises RegistryBusyError as :func:`read_release` does.
    """
    look = _look_until_quiet(root, model, lambda *_: (), patience)
    return look.registry, look.found


def _snapshot(root: Path, model: str, choose: Choice, patience: float) -> Registered:
    look = _look_until_quiet(root, model, choose, patience)
    if look.found is None:
        known = [str(each.get("id")) for each in look.registry.rows]
        they = f"it has: {name_some(known)}{suggest(model, known)}"
        raise RegistryError(f"{root} has no model {model!r}; {they}")
    if look.wrong:
        raise RegistryError(f"{look.wrong}; `tinyai validate` says what else is wrong")
    return look.found


def _look_until_quiet(root: Path, model: str, choose: Choice, patience: float) -> _Look:
    """Look again until everything agrees, or what does not agree cannot be the work of a publish."""
    deadline = time.monotonic() + patience
    while True:
        head, busy = log.head(root, model), is_pending(root)
        look = _look(root, model, head, choose)
        busy = busy or is_pending(root)
        # A publish that began and ended between our questions has moved the head.
        if log.head(root, model) == head and (look.wrong is None or not busy):
            return look
        if time.monotonic() > deadline:
            why = look.wrong or f"{model} was published again meanwhile"
            raise RegistryBusyError(
                f"{why}; a publish has been under way for {patience:g} seconds, or its writer died, and "
                "`tinyai recover` finishes it"
            )
        time.sleep(PAUSE)


def _look(root: Path, model: str, head: log.Entry | None, choose: Choice) -> _Look:
    registry = open_registry(root)
    found = registry.find(model)
    if found is None:
        return _Look(registry, None, f"{root / INDEX} has no row of {model}" if head and head.rows else None)
    names = tuple(choose(registry, found, head))
    read = {name: registry.read(name) for name in names if name not in found.files}
    found = replace(found, files={**found.files, **{name: data for name, data in read.items() if data is not None}})
    missing = [f"{root / name} is missing" for name in names if name not in found.files]
    stale = stale_rows(registry, head) if head else ()
    rows = [f"{root / INDEX}: the row of {each['id']} is not what was registered" for each in stale]
    wrong = (*rows, *missing, *_files_amiss(root, found, head))
    return _Look(registry, found, next(iter(wrong), None))


def _every_file(registry: Registry, found: Registered, head: log.Entry | None) -> Iterable[str]:
    return dict.fromkeys((*_pins(found.row), *(head.files if head else files_of(registry, found))))


def _card(registry: Registry, found: Registered, _: log.Entry | None) -> Iterable[str]:
    name = f"{found.stem}.md"
    return (name,) if os.path.lexists(registry.path(name)) else ()


def _files_amiss(root: Path, found: Registered, head: log.Entry | None) -> Iterator[str]:
    for name, sha256 in (*_pins(found.row).items(), *(head.files.items() if head else ())):
        if name in found.files and sha256_of(found.files[name]) != sha256:
            yield f"{root / name} is not what was registered for {found.row['id']}"


def _pins(registered: Mapping[str, Any]) -> dict[str, Any]:
    name = str(registered["onnx"])
    twin = {f"{name.removesuffix('.onnx')}.int8.onnx": registered["int8_sha256"]} if "int8_sha256" in registered else {}
    return {name: registered.get("sha256"), **twin}
