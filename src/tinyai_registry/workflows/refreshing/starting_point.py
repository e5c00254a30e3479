"""Where a refresh starts from: what was asked for, the registry as it stands, and what it holds of the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyai_registry.documents import card, parts, row, sidecar
from tinyai_registry.documents.dialects import dialect
from tinyai_registry.documents.schema import require_valid
from tinyai_registry.documents.sidecar_types import as_sidecar
from tinyai_registry.evaluation import DataSet
from tinyai_registry.files import sha256_of
from tinyai_registry.onnxfile.runtime import DEFAULT
from tinyai_registry.plugins.owner import Owner
from tinyai_registry.recipe import Recipe, decisive, fingerprint
from tinyai_registry.recipe import lock as recipe_lock
from tinyai_registry.release import Previous
from tinyai_registry.store.projection import lags
from tinyai_registry.store.registry import Registered, Registry
from tinyai_registry.workflows.workers.engine import Engine


@dataclass(frozen=True)
class Request:
    """What was asked for. ``command`` is the command line, with file names in place of paths.

    ``runtime`` names the profile that the registry is written for; ``predictions`` a file for the held-out predictions;
    ``engine`` who does the work of protocols, if not this process; ``sha256`` is the digest that the table must have.
    """

    registry: Path
    table: DataSet | Path
    command: str
    reason: str | None = None
    force: bool = False
    dry_run: bool = False
    lock_timeout: float = 60.0
    runtime: str = DEFAULT
    predictions: Path | None = None
    engine: Engine | None = None
    sha256: str | None = None


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


def starting_point(registry: Registry, before: Registered | None, recipe: Recipe) -> StartingPoint:
    """The release ``before`` of ``recipe.id``, held against the recipe lock.

    Raises DocumentError if its sidecar is broken, RecipeChangedError if it was made with another recipe.
    """
    if before is None:
        return StartingPoint(registry, None, None)
    if before.sidecar is not None:
        name = dialect(before.sidecar).schema
        require_valid(name, before.sidecar, f"the registered sidecar {before.stem}.json is broken; restore it")
    adopted = recipe_lock.check(recipe, before.sidecar)
    training = (before.sidecar or {}).get("training", {})
    previous = Previous(before.row.get("sha256"), parts.headlines_of_training(training), adopted)
    return StartingPoint(registry, before, previous)


def what_changed(sidecar: Mapping[str, Any], owner: Owner, table_sha256: str) -> tuple[str, ...]:
    """Which of ``recipe``, ``table`` and ``plugin`` are no longer what the release of ``sidecar`` was made with.

    ``table_sha256`` is the digest of the table that a refresh would take now.
    """
    plugin = {"distribution": owner.plugin.distribution, "version": owner.plugin.version}
    same = {
        "recipe": sidecar.get("recipe_fingerprint") == fingerprint(decisive(owner.recipe)),
        "table": sidecar.get("table", {}).get("sha256") == table_sha256,
        "plugin": sidecar.get("plugin") == plugin,
    }
    return tuple(what for what, holds in same.items() if not holds)


def is_up_to_date(start: StartingPoint, owner: Owner, table_sha256: str) -> bool:
    """Same recipe, same table, same plugin, and every file and row of the release as it was published."""
    found = start.sidecar
    if found is None or "recipe_fingerprint" not in found or what_changed(found, owner, table_sha256):
        return False
    if lags(start.registry, found["id"]):
        return False
    now = as_sidecar(found)
    documents = [now, *sidecar.members(now)]
    pinned = [*found["artifacts"], *([found["plot"]] if "plot" in found else [])]
    digests = {each["path"]: each["sha256"] for each in pinned}
    digests |= {f"{each['id']}.json": sha256_of(sidecar.render(each).encode()) for each in documents}
    digests[f"{found['id']}.md"] = sha256_of(card.render(now).encode())
    return all(start.registry.digest(name) == sha256 for name, sha256 in digests.items()) and all(
        start.registry.row(each["id"]) == row.merge(start.registry.row(each["id"]), each) for each in documents
    )
