"""The story of a refresh, top to bottom: the first file to read.

A feature table goes in, a release comes out, and nothing in between can leave the registry half-changed.
"""

from __future__ import annotations

from dataclasses import replace

from tinyai_registry.documents import parts, sidecar
from tinyai_registry.errors import RegistryBusyError
from tinyai_registry.evaluation import Judgement
from tinyai_registry.evaluation.drift import measure_drift
from tinyai_registry.evaluation.progress import Progress
from tinyai_registry.lab.table_file import digest
from tinyai_registry.onnxfile.runtime import load_runtime
from tinyai_registry.plugins.owner import Owner
from tinyai_registry.release import Account, Candidate, Outcome, Previous, Release
from tinyai_registry.release.provenance import give_account
from tinyai_registry.store.publish import publish, refuse
from tinyai_registry.store.recovery import settle
from tinyai_registry.store.registry import open_registry
from tinyai_registry.store.snapshot import read_as_it_stands
from tinyai_registry.workflows.heavy_imports import uncollected
from tinyai_registry.workflows.refreshing.compose import compose
from tinyai_registry.workflows.refreshing.prerequisites import check_prerequisites
from tinyai_registry.workflows.refreshing.starting_point import Request, StartingPoint, is_up_to_date, starting_point
from tinyai_registry.workflows.staged import check_release, tell_unsigned


def refresh(owner: Owner, request: Request, progress: Progress) -> Outcome:
    """Refresh the model of ``owner`` from a table: published, up to date, refused by the gate, or a dry run.

    Raises a TinyaiError for whatever else stops it; the registry then is as it was.
    """
    start = begin(owner, request, progress)
    if isinstance(start, Outcome):
        return start
    with progress.step("load the lab"), uncollected():
        # It takes seconds to import, which a release that is up to date need not wait for.
        from tinyai_registry.workflows.refreshing.attempt import attempt  # noqa: PLC0415
    made = attempt(owner, request, start.sidecar, start.previous, progress)
    return conclude(owner, request, start, made, progress)


def begin(owner: Owner, request: Request, progress: Progress) -> Outcome | StartingPoint:
    """What a refresh starts from, if nothing is in its way; the outcome of one whose release is up to date."""
    recipe = owner.recipe
    with progress.step("open registry"):
        if not request.dry_run:
            settle(request.registry)
        start = starting_point(*read_as_it_stands(request.registry, recipe.id), recipe)
        current = not request.force and is_up_to_date(start, owner, request.sha256 or digest(request.table, progress))
    if current:
        return Outcome(recipe.id, "up-to-date", sidecar=start.sidecar)
    with progress.step("check prerequisites"):
        check_prerequisites(owner, request, start)
    return start


def conclude(
    owner: Owner, request: Request, start: StartingPoint, made: Candidate | Judgement, progress: Progress
) -> Outcome:
    """Publish the candidate that was ``made``, or record that the gate has refused the model."""
    if isinstance(made, Judgement):
        return _refuse(owner, request, start, made)
    with progress.step("compare and describe" if request.dry_run else "publish"):
        release = _release(request, made, start)
    return Outcome(
        model=owner.recipe.id,
        status="dry-run" if request.dry_run else "published",
        judgement=made.judgement,
        sidecar=sidecar.read_back(release),
        withdrawn=release.withdrawn,
        recorded=not request.dry_run,
        unsigned=tell_unsigned(release, request.registry, load_runtime(request.runtime)),
    )


def _release(request: Request, candidate: Candidate, start: StartingPoint) -> Release:
    """What is published, or would be, by a dry run."""
    if request.dry_run:
        return _compose(request, candidate, start)
    model, patience, account = candidate.recipe.id, request.lock_timeout, _account(request, candidate.judgement)
    _, release = publish(
        request.registry, model, lambda: _compose_now(request, candidate, start.previous), account, patience
    )
    return release


def _refuse(owner: Owner, request: Request, start: StartingPoint, judgement: Judgement) -> Outcome:
    recorded = not request.dry_run
    if recorded:
        refuse(request.registry, owner.recipe.id, _account(request, judgement))
    drift = measure_drift(start.sidecar, owner.recipe, judgement.table)
    return Outcome(owner.recipe.id, "refused", judgement, previous=start.previous, drift=drift, recorded=recorded)


def _compose_now(request: Request, candidate: Candidate, previous: Previous | None) -> Release:
    """The release in place of what is registered now: somebody else may have published the model meanwhile.

    Raises RegistryBusyError if the gate has compared it with ``previous``, which that is not.
    """
    registry = open_registry(request.registry)  # we hold the turn: what does not agree is damage, and we mend it
    recipe = candidate.recipe
    start = starting_point(registry, registry.find(recipe.id), recipe)
    compares = any(criterion.against == "previous" for criterion in candidate.judgement.criteria)
    if compares and start.previous != previous:
        raise RegistryBusyError(
            f"{recipe.id} was published by somebody else meanwhile, and its gate compares with the release before; "
            "refresh again"
        )
    return _compose(request, candidate, start)


def _compose(request: Request, candidate: Candidate, start: StartingPoint) -> Release:
    release = compose(candidate, start)
    check_release(release, start.registry, load_runtime(request.runtime))
    return release


def _account(request: Request, judgement: Judgement) -> Account:
    gate = tuple(parts.verdict_document(verdict) for verdict in judgement.verdicts)
    return replace(give_account(request.registry, request.reason), table=judgement.table.sha256, gate=gate)
