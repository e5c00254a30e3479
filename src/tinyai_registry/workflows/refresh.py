"""The story of a refresh, top to bottom: the first file to read.

A feature table goes in, a release comes out, and nothing in between can leave the registry half-changed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from tinyai_registry.documents import parts, sidecar
from tinyai_registry.evaluation import Judgement
from tinyai_registry.evaluation.drift import measure_drift
from tinyai_registry.evaluation.progress import Progress
from tinyai_registry.lab.table import digest
from tinyai_registry.plugins.owner import Owner
from tinyai_registry.release import Account, Candidate, Outcome, Release
from tinyai_registry.release.provenance import collect, give_account
from tinyai_registry.store.publish import publish, refuse
from tinyai_registry.store.recovery import settle
from tinyai_registry.store.registry import open_registry
from tinyai_registry.store.snapshot import read_as_it_stands
from tinyai_registry.workflows.compose import compose
from tinyai_registry.workflows.cross_validation import Trained, evaluate_protocol
from tinyai_registry.workflows.evaluate import judge, train
from tinyai_registry.workflows.export import export
from tinyai_registry.workflows.starting_point import StartingPoint, is_up_to_date, starting_point


@dataclass(frozen=True)
class Request:
    """What was asked for. ``command`` is the command line, with file names in place of paths."""

    registry: Path
    table: Path
    command: str
    reason: str | None = None
    force: bool = False
    dry_run: bool = False
    lock_timeout: float = 60.0


def refresh(owner: Owner, request: Request, progress: Progress) -> Outcome:
    """Refresh the model of ``owner`` from a table: published, up to date, refused by the gate, or a dry run.

    Raises a TinyaiError for whatever else stops it; the registry then is as it was.
    """
    recipe = owner.recipe
    with progress.step("open registry"):
        if not request.dry_run:
            settle(request.registry)
        start = starting_point(*read_as_it_stands(request.registry, recipe.id), recipe)
        current = not request.force and is_up_to_date(start, owner, digest(request.table))
    if current:
        return Outcome(recipe.id, "up-to-date", sidecar=start.sidecar)

    trained = train(owner, request.table, progress)
    judgement = judge(owner, trained, start.sidecar, progress)
    account = _account(request, judgement)
    if not judgement.passed:
        if not request.dry_run:
            refuse(request.registry, recipe.id, account)
        drift = measure_drift(start.sidecar, recipe, judgement.table)
        return Outcome(recipe.id, "refused", judgement, previous=start.previous, drift=drift)

    candidate = _candidate(owner, trained, judgement, account, request, progress)
    if request.dry_run:
        with progress.step("compare and describe"):
            release = compose(candidate, start)
    else:
        with progress.step("publish"):
            _, release = publish(
                request.registry, recipe.id, lambda: _compose_now(request, candidate), account, request.lock_timeout
            )
    return Outcome(
        model=recipe.id,
        status="dry-run" if request.dry_run else "published",
        judgement=judgement,
        sidecar=sidecar.read_back(release),
        withdrawn=release.withdrawn,
    )


def _candidate(
    owner: Owner, trained: Trained, judgement: Judgement, account: Account, request: Request, progress: Progress
) -> Candidate:
    """The model that has passed its gate, exported, evaluated under its protocols and described."""
    recipe, plugin = owner.recipe, owner.plugin
    with progress.step("export and verify"):
        artifacts = export(owner, trained)
    protocols = []
    for protocol in recipe.protocols:
        with progress.step(f"protocol {protocol.name}"):
            protocols.append(evaluate_protocol(owner, trained.table, protocol))
    return Candidate(
        recipe=recipe,
        plugin=(plugin.distribution, plugin.version),
        judgement=judgement,
        artifacts=artifacts,
        scaler=trained.final[0].standardisation,
        protocols=tuple(protocols),
        description=owner.call("tinyai_describe", evaluation=judgement.evaluation),
        provenance=collect(account, request.command, request.registry, plugin.distribution, recipe.seeds),
    )


def _compose_now(request: Request, candidate: Candidate) -> Release:
    """The release in place of what is registered now: somebody else may have published the model meanwhile."""
    return compose(candidate, _start_now(request, candidate))


def _start_now(request: Request, candidate: Candidate) -> StartingPoint:
    registry = open_registry(request.registry)  # we hold the turn: what does not agree is damage, and we mend it
    return starting_point(registry, registry.find(candidate.recipe.id), candidate.recipe)


def _account(request: Request, judgement: Judgement) -> Account:
    gate = tuple(parts.verdict_document(verdict) for verdict in judgement.verdicts)
    return replace(give_account(request.registry, request.reason), table=judgement.table.sha256, gate=gate)
