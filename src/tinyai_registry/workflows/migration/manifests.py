"""Manifests of ensembles that another tool wrote, made anew from the rows of their members."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tinyai_registry.documents import strict_json
from tinyai_registry.errors import RegistryError
from tinyai_registry.files import Folder
from tinyai_registry.release import Account, Release
from tinyai_registry.store.belongings import read_manifest
from tinyai_registry.store.publish import publish
from tinyai_registry.store.registry import Registry, open_registry


def find_manifests(registry: Registry) -> list[str]:
    """The ensembles that have a manifest in ``registry`` and no row."""
    names = (name for name in Folder(registry.root).names if name.endswith(".json") and "/" not in name)
    stems = [name.removesuffix(".json") for name in names if read_manifest(registry, name) is not None]
    return [stem for stem in stems if registry.row(stem) is None]


def corrections(registry: Registry, ensemble: str) -> list[str]:
    """One line for each digest in the manifest of ``ensemble`` that is not the one in its member's row.

    Raises RegistryError if a member has no row.
    """
    _, lines = _rebuild(registry, ensemble)
    return lines


def rebuild_manifest(root: Path, ensemble: str, account: Account, patience: float) -> None:
    """Publish the manifest of ``ensemble`` with the digests that the rows of its members have."""

    def make() -> Release:
        document, _ = _rebuild(open_registry(root), ensemble)
        return Release(ensemble, {f"{ensemble}.json": strict_json.dumps(document).encode()}, ())

    publish(root, ensemble, make, account, patience)


def _rebuild(registry: Registry, ensemble: str) -> tuple[dict[str, Any], list[str]]:
    manifest = read_manifest(registry, f"{ensemble}.json")
    if manifest is None:
        raise RegistryError(f"{ensemble}.json is no manifest any more")
    document = json.loads(json.dumps(manifest))
    lines = list(_renew(document["members"], {row.get("onnx"): row for row in registry.rows}))
    return document, lines


def _renew(members: list[Any], rows: Mapping[Any, Mapping[str, Any]]) -> Iterator[str]:
    for member in members:
        if not isinstance(member, dict):
            continue
        row = rows.get(member.get("onnx"))
        if row is None:
            raise RegistryError(f"its member {member.get('onnx')} has no row")
        if member.get("sha256") != row.get("sha256"):
            yield f"{member['onnx']}: {member.get('sha256')} -> {row.get('sha256')}, as its row has it"
            member["sha256"] = row.get("sha256")
