"""Releases of a model as they were: found in its log by number or digest, and read back from the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tinyai_registry.documents import strict_json
from tinyai_registry.errors import RegistryError
from tinyai_registry.store import log, objects
from tinyai_registry.store.registry import files_under


def find_release(model: str, releases: Sequence[log.Entry], which: str) -> log.Entry:
    """The one of ``releases`` that ``which`` means: the number of its entry, or the beginning of its ONNX's SHA-256.

    Raises RegistryError if it means none, or several.
    """
    by_number = [entry for entry in releases if which == str(entry.number)]
    found = by_number or [entry for entry in releases if digest_of_model(model, entry).startswith(which)]
    if len({digest_of_model(model, entry) for entry in found}) == 1:
        return found[-1]
    what = "is the beginning of several digests" if found else "is no entry with a release, and no digest of one"
    raise RegistryError(f"{which} {what} of {model}; `tinyai log {model}` lists them")


def release_before(model: str, releases: Sequence[log.Entry], entry: log.Entry) -> log.Entry:
    """The last release before ``entry`` with another ONNX. Raises RegistryError if there is none."""
    own = digest_of_model(model, entry)
    earlier = [each for each in releases if each.number < entry.number and digest_of_model(model, each) != own]
    if not earlier:
        raise RegistryError(f"{model} has no release before {own[:12]} to compare it with")
    return earlier[-1]


def read_sidecar(root: Path, model: str, entry: log.Entry) -> Mapping[str, Any]:
    """The sidecar of the release of ``entry``: from the registry folder if it is still there, else from the store.

    It is empty where the release had none. Raises RegistryError if it is in neither.
    """
    row = next((row for row in entry.rows if row.get("id") == model), {})
    name = f"{str(row.get('onnx')).removesuffix('.onnx')}.json"
    sha256 = entry.files.get(name)
    if sha256 is None:
        return {}
    registry = files_under(root)
    current = registry.read(name, strict_json.MAX_BYTES) if registry.digest(name) == sha256 else None
    data = objects.get(root, model, sha256) if current is None else current
    document = strict_json.loads(data, f"{name} of entry {entry.number}")
    return document if isinstance(document, dict) else {}


def digest_of_model(model: str, entry: log.Entry) -> str:
    """The SHA-256 of the ONNX file of ``model`` in the release of ``entry``; empty where its row has none."""
    return next((str(row.get("sha256")) for row in entry.rows if row.get("id") == model), "")
