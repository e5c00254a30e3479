"""The story of a refresh, top to bottom: the first file to read.

A feature table goes in, a release comes out, and nothing in between can leave the registry half-changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyai_registry import provenance, recipe_lock
from tinyai_registry.checks.runtime import load_runtime
from tinyai_registry.documents import card, evidence, row, sidecar
from tinyai_registry.documents.schema import violations
from tinyai_registry.documents.sidecar import Record
from tinyai_registry.errors import DocumentError, PluginError
from tinyai_registry.evaluate import Bench, Judged, judge
from tinyai_registry.evaluation import Caveat
from tinyai_registry.lab.caveats import drift_caveats
from tinyai_registry.lab.drift import drift
from tinyai_registry.lab.table import digest
from tinyai_registry.lab.verification import verified
from tinyai_registry.outcome import Outcome, Previous
from tinyai_registry.progress import Progress
from tinyai_registry.recipe import decisive, fingerprint
from tinyai_registry.release import Artifact, Release
from tinyai_registry.store.publish import publish
from tinyai_registry.store.registry import Registered, Registry, open_registry
from tinyai_registry.store.superseded import superseded


@dataclass(frozen=True)
class Request:
    """What was asked for. ``command`` is the command line, with file names in place of paths."""

    registry: Path
    table: Path
    command: str
    reason: str | None = None
    force: bool = False
    dry_run: bool = False


def refresh(where: Bench, request: Request, progress: Progress) -> Outcome:
    """Refresh the model of ``where`` from a table: published, up to date, refused by the gate, or a dry run.

    Raises a TinyaiError for whatever else stops it; the registry then is as it was.
    """
    recipe = where.recipe
    with progress.step("open registry"):
        registry = open_registry(request.registry)
        before = registry.find(recipe.id)
        old_sidecar = _checked_sidecar(before)
        adopted = recipe_lock.check(recipe, old_sidecar) if before else None
        previous = _previous(before, adopted)
    if before and not request.force and _up_to_date(registry, before, where, digest(request.table)):
        return Outcome(recipe.id, "up-to-date", sidecar=old_sidecar)

    judged = judge(where, request.table, old_sidecar, progress)
    moved = drift(old_sidecar, recipe, judged.table.fingerprint) if old_sidecar else None
    if not judged.judgement.passed:
        return Outcome(recipe.id, "refused", judged.judgement, previous=previous, drift=moved)

    with progress.step("export and verify"):
        artifacts = _exported(where, judged)
    with progress.step("compare and describe"):
        withdrawn = superseded(registry, before, _file_names(recipe.id, artifacts))
        judgement = judged.judgement.with_caveats(
            *(drift_caveats(moved) if moved else ()),
            *_release_caveats(before, artifacts, withdrawn),
        )
        made = provenance.collect(
            request.command, request.reason, registry.root, where.owner.distribution, (recipe.seed,)
        )
        plugin = (where.owner.distribution, where.owner.version)
        scaler = None if recipe.scaler_in_graph else judged.final.standardisation
        record = Record(recipe, plugin, judgement, artifacts, scaler, moved, previous, made)
        document = sidecar.compose(record)
        release = _release(before, artifacts, document, withdrawn)
    if request.dry_run:
        return Outcome(recipe.id, "dry-run", judgement, artifacts, previous, moved, document, withdrawn)
    with progress.step("publish"):
        publish(registry, before, release)
    return Outcome(recipe.id, "published", judgement, artifacts, previous, moved, document, withdrawn)


def _checked_sidecar(before: Registered | None) -> Mapping[str, Any] | None:
    if before is None or before.sidecar is None:
        return None
    for violation in violations("sidecar", before.sidecar):
        raise DocumentError(f"the registered sidecar {before.stem}.json is broken at {violation}; restore it")
    return before.sidecar


def _file_names(model: str, artifacts: Sequence[Artifact]) -> frozenset[str]:
    return frozenset((*(a.path for a in artifacts), f"{model}.json", f"{model}.md"))


def _release(
    before: Registered | None,
    artifacts: Sequence[Artifact],
    document: Mapping[str, Any],
    withdrawn: tuple[str, ...],
) -> Release:
    model = document["id"]
    for violation in violations("sidecar", document):  # a recipe or a table can put anything into it
        raise DocumentError(f"the sidecar of {model} would be invalid at {violation}")
    files = {artifact.path: artifact.data for artifact in artifacts}
    files[f"{model}.json"] = sidecar.rendered(document).encode()
    files[f"{model}.md"] = card.rendered(document).encode()
    return Release(model, files, row.merged(before.row if before else None, document), withdrawn)


def _previous(before: Registered | None, adopted: tuple[str, ...] | None) -> Previous | None:
    if before is None:
        return None
    training = (before.sidecar or {}).get("training", {})
    return Previous(before.row.get("sha256"), evidence.headlines_of_training(training), adopted)


def _up_to_date(registry: Registry, before: Registered, where: Bench, table_sha256: str) -> bool:
    """Same recipe, same table, same plugin, and every file of the release as it was published."""
    found = before.sidecar
    if found is None or found.get("recipe_fingerprint") != fingerprint(decisive(where.recipe)):
        return False
    wanted = {"distribution": where.owner.distribution, "version": where.owner.version}
    if found["table"]["sha256"] != table_sha256 or found["plugin"] != wanted:
        return False
    digests = {a["path"]: a["sha256"] for a in found["artifacts"]}
    if any(registry.digest(name) != sha256 for name, sha256 in digests.items()):
        return False
    card_file = registry.path(f"{before.stem}.md")
    return (
        row.merged(before.row, found) == before.row
        and card_file.is_file()
        and card_file.read_bytes() == card.rendered(found).encode()
    )


def _exported(where: Bench, judged: Judged) -> tuple[Artifact, ...]:
    recipe = where.recipe
    protos = where.plugins.call("tinyai_export", where.owner, recipe=recipe, models=[judged.final])
    foreign = [name for name in protos if name != recipe.id and not name.startswith(f"{recipe.id}.")]
    if foreign or recipe.id not in protos:
        raise PluginError(
            f"{where.owner}: tinyai_export returned {sorted(protos)}; one artifact is called {recipe.id}, "
            f"any other {recipe.id}.<something>"
        )
    runtime = load_runtime()
    return tuple(verified(name, proto, judged.final, judged.table, runtime) for name, proto in protos.items())


def _release_caveats(
    before: Registered | None, artifacts: Sequence[Artifact], withdrawn: tuple[str, ...]
) -> Iterator[Caveat]:
    """What the registry's own state before this release obliges a reader to know."""
    if withdrawn:
        files = ", ".join(withdrawn)
        yield Caveat("withdrawn-files", f"withdrawn with the previous release: {files}")
    changed = before and before.row.get("sha256") not in {a.sha256 for a in artifacts}
    if before and changed and "sigstore_bundle" in before.row:
        yield Caveat(
            "stale-signature",
            f"{before.row['sigstore_bundle']} signs the previous bytes; sign the new ones before they ship",
        )
