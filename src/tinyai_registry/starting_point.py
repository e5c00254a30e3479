"""Where a refresh starts from: the registry as it stands, and what it holds of the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyai_registry import recipe_lock
from tinyai_registry.documents import card, evidence, row, sidecar
from tinyai_registry.documents.dialects import dialect
from tinyai_registry.documents.schema import violations
from tinyai_registry.errors import DocumentError
from tinyai_registry.outcome import Previous
from tinyai_registry.plugins import Plugin
from tinyai_registry.recipe import Recipe, decisive, fingerprint
from tinyai_registry.release import sha256_of
from tinyai_registry.store.registry import Registered, Registry, open_registry


@dataclass(frozen=True)
class StartingPoint:
    """The open registry, and the model's release in it, if there is one."""

    registry: Registry
    before: Registered | None
    previous: Previous | None

    @property
    def sidecar(self) -> Mapping[str, Any] | None:
        """The sidecar of the release before."""
        return self.before.sidecar if self.before else None


def starting_point(folder: Path, recipe: Recipe) -> StartingPoint:
    """The registry in ``folder``, its release of ``recipe.id`` held against the recipe lock.

    Raises RegistryError or DocumentError if registry or sidecar cannot be read, RecipeChangedError if the registered
    release was made with another recipe.
    """
    registry = open_registry(folder)
    before = registry.find(recipe.id)
    if before is None:
        return StartingPoint(registry, None, None)
    if before.sidecar is not None:
        for violation in violations(dialect(before.sidecar).schema, before.sidecar):
            raise DocumentError(f"the registered sidecar {before.stem}.json is broken at {violation}; restore it")
    adopted = recipe_lock.check(recipe, before.sidecar)
    training = (before.sidecar or {}).get("training", {})
    previous = Previous(before.row.get("sha256"), evidence.headlines_of_training(training), adopted)
    return StartingPoint(registry, before, previous)


def up_to_date(start: StartingPoint, recipe: Recipe, owner: Plugin, table_sha256: str) -> bool:
    """Same recipe, same table, same plugin, and every file and row of the release as it was published."""
    found = start.sidecar
    if found is None or found.get("recipe_fingerprint") != fingerprint(decisive(recipe)):
        return False
    if found["table"]["sha256"] != table_sha256:
        return False
    if found["plugin"] != {"distribution": owner.distribution, "version": owner.version}:
        return False
    documents = [found, *sidecar.members(found)]
    digests = {artifact["path"]: artifact["sha256"] for artifact in found["artifacts"]}
    digests |= {f"{each['id']}.json": sha256_of(sidecar.rendered(each).encode()) for each in documents}
    digests[f"{found['id']}.md"] = sha256_of(card.rendered(found).encode())
    return all(start.registry.digest(name) == sha256 for name, sha256 in digests.items()) and all(
        start.registry.row(each["id"]) == row.merged(start.registry.row(each["id"]), each) for each in documents
    )
