"""Which files belong to a registered model, and which of them a new release makes untrue."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tinyai_registry.documents import strict_json
from tinyai_registry.documents.dialects import is_manifest
from tinyai_registry.documents.index import INDEX
from tinyai_registry.errors import DocumentError, RegistryError
from tinyai_registry.files import Folder, is_release_file
from tinyai_registry.onnxfile.graph import GraphError, parse
from tinyai_registry.onnxfile.weights import data_files, external_weights
from tinyai_registry.store.registry import ENDINGS, Registered, Registry


@dataclass(frozen=True)
class Holding:
    """What stands in a registry of one model: its row and those of its members, and the names of all their files.

    ``signatures`` are those of the files that sign the graphs, as far as they are there.
    """

    rows: tuple[Mapping[str, Any], ...]
    files: tuple[str, ...]
    signatures: tuple[str, ...]


def find_holding(registry: Registry, model: str) -> Holding | None:
    """What stands in ``registry`` of ``model``; None where it has no row.

    Of an ensemble that another tool has but a manifest of, that stands there; its members are models of their own.
    """
    own, manifest = registry.find(model), f"{model}.json"
    if own is None:
        return Holding((), (manifest,), ()) if read_manifest(registry, manifest) else None
    listed = _members(own.sidecar)
    rows = [
        row for row in registry.rows if str(row.get("onnx")) in listed and str(row.get("id")).startswith(f"{model}_")
    ]
    found = [own, *(member for row in rows if (member := registry.find(row["id"])) is not None)]
    files = dict.fromkeys(name for each in found for name in files_of(registry, each))
    bundles = [name for each in found if isinstance(name := each.row.get("sigstore_bundle"), str)]
    return Holding(
        rows=tuple(each.row for each in found),
        files=tuple(files),
        signatures=tuple(name for name in bundles if is_release_file(name) and os.path.lexists(registry.path(name))),
    )


def find_ensemble(registry: Registry, model: str) -> str | None:
    """The ensemble that ``model`` is a member of, by its own sidecar or by another tool's manifest."""
    found = registry.find(model)
    if found is None:
        return None
    if "member_of" in (found.sidecar or {}):
        return str(found.sidecar["member_of"])  # type: ignore[index] # it is there
    for name in Folder(registry.root).names:
        if name.endswith(".json") and "/" not in name and found.row["onnx"] in _members(read_manifest(registry, name)):
            return name.removesuffix(".json")
    return None


def read_manifest(registry: Registry, name: str) -> Mapping[str, Any] | None:
    """The file ``name``, if it is another tool's manifest of an ensemble."""
    try:
        document = strict_json.loads(registry.read(name, strict_json.MAX_BYTES) or b"", name)
    except (DocumentError, RegistryError):
        return None
    return document if isinstance(document, dict) and is_manifest(document) else None


def _members(said: Mapping[str, Any] | None) -> set[str]:
    """The graphs of the members that a sidecar or a manifest lists."""
    listed = (said or {}).get("members")
    named = [each.get("onnx") for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    return {name for name in named if isinstance(name, str)}


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
