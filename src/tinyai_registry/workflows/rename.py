"""The story of a renaming: the same model under another id, in one commit; the id of before is kept beside it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyai_registry.documents import attestation, card, row, sidecar
from tinyai_registry.documents.attestation import attestation_name
from tinyai_registry.documents.dialects import CURRENT, dialect
from tinyai_registry.documents.schema import require_valid
from tinyai_registry.documents.sidecar_types import Sidecar, as_sidecar
from tinyai_registry.errors import RegistryError
from tinyai_registry.files import sha256_of
from tinyai_registry.onnxfile.runtime import DEFAULT, load_runtime
from tinyai_registry.recipe import id_flaw
from tinyai_registry.release import Account, Release
from tinyai_registry.store import log
from tinyai_registry.store.publish import publish, record
from tinyai_registry.store.registry import Registered, Registry, open_registry
from tinyai_registry.store.turn import PATIENCE
from tinyai_registry.workflows.remove import require_recorded, require_removable
from tinyai_registry.workflows.staged import require_no_new_error

# Files that are called like their model; any other name may stand in a graph that reads from there.
_NAMED_AFTER_IT = (".onnx", ".json", ".md", ".svg")


def rename(
    root: Path, old: str, new: str, account: Account, patience: float = PATIENCE, *, runtime: str = DEFAULT
) -> log.Entry:
    """Publish the model ``old`` of the registry ``root`` under the id ``new``, its graphs unchanged, and take ``old``.

    Its files are called after the new id; a signature is its owner's, and stays as it is called. Raises RegistryError
    if the id is taken or cannot be one, VerificationError if the renamed model would have an error for ``runtime`` that
    it does not have now.
    """
    compose(open_registry(root), old, new)
    record(root, old, account, patience)

    def make() -> Release:
        registry = open_registry(root)
        release = compose(registry, old, new)
        require_recorded(registry, old, signatures=False)
        before = require_removable(registry, old).rows
        require_no_new_error(release, before, registry, load_runtime(runtime))
        return release

    entry, _ = publish(root, new, make, account, patience)
    return entry


def compose(registry: Registry, old: str, new: str) -> Release:
    """The release of the model ``old`` under the id ``new``. Raises RegistryError where there cannot be one."""
    names = require_removable(registry, old).files
    found = registry.find(old)
    if found is None or found.sidecar is None or dialect(found.sidecar) != CURRENT:
        raise RegistryError(f"{old} has no sidecar of today's, which a renaming rewrites; run `tinyai migrate {old}`")
    require_valid("sidecar", found.sidecar, f"the sidecar of {old} is broken")
    if why := id_flaw(new):
        raise RegistryError(f"{new!r} cannot be the id of a model: {why}")
    if new == old or registry.row(new) is not None:
        raise RegistryError(f"{registry.root} has a model {new!r} already; choose another id")
    paths = {name: _rename_file(name, found, new) for name in names}
    for path in paths.values():
        if path not in paths and os.path.lexists(registry.path(path)):
            raise RegistryError(f"{registry.root / path} is there already; move it away, or choose another id")
    document = sidecar.rename(as_sidecar(found.sidecar), new, paths)
    documents = {f"{each['id']}.json": each for each in (document, *_members(document))}
    files = {paths[name]: _data(registry, name, paths[name], documents, document, new) for name in names}
    if (statement := attestation_name(new)) in files:  # it goes last, as it is about the others
        others = {name: sha256_of(data) for name, data in files.items() if name != statement}
        files[statement] = attestation.render(attestation.compose(document, others)).encode()
    return Release(
        model=new,
        files=files,
        rows=tuple(_row(registry, each) for each in documents.values()),
        withdrawn=tuple(name for name in names if name not in paths.values()),
        previous_id=old,
    )


def _members(document: Sidecar) -> list[Sidecar]:
    return sidecar.members(document) if document.get("members") else []


def _rename_file(name: str, found: Registered, new: str) -> str:
    """``<stem>.onnx`` as ``<new>.onnx``, and what is called like it likewise, in the folder where it is."""
    if not (name.startswith(found.stem) and name.endswith(_NAMED_AFTER_IT)):
        return name
    above = found.stem.rpartition("/")[0]
    return (f"{above}/" if above else "") + new + name[len(found.stem) :]


def _data(registry: Registry, name: str, path: str, documents: Mapping[str, Sidecar], main: Sidecar, new: str) -> bytes:
    if (base := path.rpartition("/")[2]) in documents:
        return sidecar.render(documents[base]).encode()
    if base == f"{new}.md" and main.keys() & {"card", "upstream"}:
        return card.render(main).encode()
    return registry.read(name) or b""


def _row(registry: Registry, document: Sidecar) -> dict[str, Any]:
    previous = document["previous_id"]
    return {**row.merge(registry.row(previous), document), "previous_id": previous}
