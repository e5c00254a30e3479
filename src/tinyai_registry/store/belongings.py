"""Which files belong to a registered model, and which of them a new release makes untrue."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator

from tinyai_registry.documents.index import INDEX
from tinyai_registry.errors import RegistryError
from tinyai_registry.files import is_release_file
from tinyai_registry.onnxfile.graph import GraphError, parse
from tinyai_registry.onnxfile.weights import data_files, external_weights
from tinyai_registry.store.registry import ENDINGS, Registered, Registry


def find_superseded(registry: Registry, before: Registered | None, kept: Collection[str]) -> tuple[str, ...]:
    """Files of ``before`` that exist and are not among the files ``kept`` by the new release.

    Its ONNX, sidecar and card if they had another stem, its other artifacts, its int8 twin, and the external
    data files that its graph reads; never a file of a neighbour. A signature stays: it is its owner's to renew.
    """
    if before is None:
        return ()
    return tuple(name for name in files_of(registry, before) if name not in kept)


def files_of(registry: Registry, before: Registered) -> tuple[str, ...]:
    """Every file that belongs to ``before``, as far as it exists, and to no neighbour."""
    spared = {INDEX, *_neighbours_files(registry, before)}
    belonging = dict.fromkeys(filter(is_release_file, _belonging(registry, before)))
    return tuple(name for name in belonging if name not in spared and os.path.lexists(registry.path(name)))


def _neighbours_files(registry: Registry, before: Registered) -> Iterator[str]:
    for row in registry.rows:
        if row is not before.row and isinstance(row.get("onnx"), str):
            stem = row["onnx"].removesuffix(".onnx")
            yield from (stem + ending for ending in ENDINGS)


def _belonging(registry: Registry, before: Registered) -> Iterator[str]:
    yield from (before.stem + ending for ending in ENDINGS)
    for artifact in (before.sidecar or {}).get("artifacts", ()):
        yield artifact["path"]
    yield from _external_data(registry, before)


def _external_data(registry: Registry, before: Registered) -> Iterator[str]:
    name = f"{before.stem}.onnx"
    try:
        graph = parse(registry.read(name) or b"")
    except (GraphError, RegistryError):
        return  # an old file that is missing or broken names nothing; the new release replaces it
    for beside in data_files(external_weights(graph), name):
        try:
            registry.path(beside)
        except RegistryError:
            continue  # never reach outside the folder, whatever the old graph says
        yield beside
