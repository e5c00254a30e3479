"""The story of a comparison: two releases of a model are read back and held side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyai_registry.documents.comparison import compare
from tinyai_registry.documents.dialects import dialect
from tinyai_registry.documents.report import report
from tinyai_registry.documents.schema import require_valid
from tinyai_registry.errors import RegistryError
from tinyai_registry.recipe import Recipe, decisive
from tinyai_registry.release import Outcome
from tinyai_registry.store import log
from tinyai_registry.store.past import digest_of_model, find_release, read_sidecar, release_before
from tinyai_registry.store.snapshot import read_as_it_stands, read_documents


def diff(root: Path, model: str, old: str | None = None, new: str | None = None) -> dict[str, Any]:
    """Two releases of ``model``, each by the number of its entry or by its ONNX's digest or the beginning of that.

    ``new`` is by default what is registered, ``old`` the release before that. Raises RegistryError if there is no such
    release, or its sidecar is no longer in the store.
    """
    read_documents(root, model)  # there is such a model, and what is registered is whole
    releases = [entry for entry in log.entries(root, model) if entry.rows]
    if not releases:
        raise RegistryError(f"{model} has no history to compare with; `tinyai log` lists the models that have one")
    last = releases[-1] if new is None else find_release(model, releases, new)
    first = release_before(model, releases, last) if old is None else find_release(model, releases, old)
    return compare(model, *(_side(root, model, entry) for entry in (first, last)))


def _side(root: Path, model: str, entry: log.Entry) -> Mapping[str, Any]:
    said = read_sidecar(root, model, entry)
    if said:
        require_valid(dialect(said).schema, said, f"a sidecar of {model} in its history is broken")
    return _with_digest(said, digest_of_model(model, entry))


def _with_digest(said: Mapping[str, Any], row: str | None) -> Mapping[str, Any]:
    """A sidecar of another tool need not say which file it is of; its ``row`` does."""
    return {"sha256": row or None, **said} if said else said


def find_sidecar(root: Path, model: str) -> Mapping[str, Any] | None:
    """That of the registered release; None where there is no such model or no sidecar."""
    _, found = read_as_it_stands(root, model)
    return _with_digest(found.sidecar, found.row.get("sha256")) if found and found.sidecar is not None else None


def compare_outcome(before: Mapping[str, Any] | None, outcome: Outcome, recipe: Recipe) -> dict[str, Any]:
    """What came of a refresh, published or not, against the sidecar of the release ``before``."""
    # Where nothing was made, the report has what was judged; the recipe is that of the release, or it had been refused.
    new = outcome.sidecar or {**report(outcome, {}), "recipe": decisive(recipe)}
    return compare(outcome.model, before or {}, {**new, "status": outcome.status})
