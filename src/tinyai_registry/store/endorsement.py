"""Putting a signature beside a release, and its name into the row: it is of nobody's release, and in no log.

A signature can be renewed without a release, so it is not among the files that a log pins. It goes the way of every
other write: from a workplace of our own, while nobody else writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tinyai_registry.checks.signatures import KEY
from tinyai_registry.documents import index
from tinyai_registry.documents.index import INDEX
from tinyai_registry.errors import OvertakenError, PublishError, RegistryBusyError, RegistryError
from tinyai_registry.files import explain
from tinyai_registry.store.projection import put_in_place
from tinyai_registry.store.registry import open_registry
from tinyai_registry.store.turn import PATIENCE, attempts, take_turn


def put_signature(
    root: Path, model: str, name: str, bundle: bytes, signed: Mapping[str, str], patience: float = PATIENCE
) -> None:
    """Put ``bundle``, which signs files with the digests ``signed``, under ``name`` into the registry ``root``.

    Raises RegistryError if the release is no longer the one that was signed, RegistryBusyError if another writer keeps
    the registry for ``patience`` seconds, PublishError if it cannot be written.
    """
    try:
        for _ in attempts(root, patience):
            with suppress(OvertakenError), take_turn(root, model, patience) as workplace:
                _put(root, model, name, bundle, signed, workplace)
                return
    except OSError as error:
        raise PublishError(f"cannot put {name} into {root}: {explain(error)}") from error
    raise RegistryBusyError(f"others have kept writing into {root} for {patience:g} seconds; try again")


def _put(root: Path, model: str, name: str, bundle: bytes, signed: Mapping[str, str], workplace: Path) -> None:
    registry = open_registry(root)
    row = registry.row(model)
    other = next((each for each, sha256 in signed.items() if registry.digest(each) != sha256), None)
    if row is None or other is not None:
        raise RegistryError(f"{model} was published again while it was signed; sign what is there now")
    registry.require_replaceable(name)
    put_in_place(root, registry.place(name), bundle, workplace)
    if row.get(KEY) != name:
        text = index.put_row(registry.text, {**row, KEY: name})
        put_in_place(root, root / INDEX, text.encode(), workplace)
