"""The story of a refresh, top to bottom: the first file to read.

A feature table goes in, a release comes out, and nothing in between can leave the registry half-changed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tinyai_registry import provenance
from tinyai_registry.candidate import Candidate
from tinyai_registry.checks.runtime import load_runtime
from tinyai_registry.composition import Composed, compose
from tinyai_registry.documents import evidence
from tinyai_registry.errors import PluginError
from tinyai_registry.evaluate import Bench, Judged, judge, under_protocol
from tinyai_registry.lab.drift import drift
from tinyai_registry.lab.table import digest
from tinyai_registry.lab.verification import verified
from tinyai_registry.outcome import Judgement, Outcome
from tinyai_registry.progress import Progress
from tinyai_registry.release import Artifact
from tinyai_registry.starting_point import starting_point, up_to_date
from tinyai_registry.store.log import Account
from tinyai_registry.store.publish import Change, publish, refuse
from tinyai_registry.store.recovery import settle
from tinyai_registry.store.registry import open_registry
from tinyai_registry.store.snapshot import as_it_stands


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


def refresh(where: Bench, request: Request, progress: Progress) -> Outcome:
    """Refresh the model of ``where`` from a table: published, up to date, refused by the gate, or a dry run.

    Raises a TinyaiError for whatever else stops it; the registry then is as it was.
    """
    recipe, owner = where.recipe, where.owner
    with progress.step("open registry"):
        settle(request.registry)
        start = starting_point(*as_it_stands(request.registry, recipe.id), recipe)
        fresh = not request.force and up_to_date(start, recipe, owner, digest(request.table))
    if fresh:
        return Outcome(recipe.id, "up-to-date", sidecar=start.sidecar)

    judged = judge(where, request.table, start.sidecar, progress)
    if not judged.judgement.passed:
        moved = drift(start.sidecar, recipe, judged.table.fingerprint) if start.sidecar else None
        if not request.dry_run:
            refuse(request.registry, recipe.id, _account(request, judged.judgement))
        return Outcome(recipe.id, "refused", judged.judgement, previous=start.previous, drift=moved)

    with progress.step("export and verify"):
        artifacts = exported(where, judged)
    candidate = Candidate(
        recipe=recipe,
        plugin=(owner.distribution, owner.version),
        judgement=judged.judgement,
        artifacts=artifacts,
        scaler=judged.final[0].standardisation,
        protocols=tuple(under_protocol(where, judged.table, p, progress) for p in recipe.protocols),
        description=where.plugins.call("tinyai_describe", owner, recipe=recipe, evaluation=judged.judgement.evaluation),
        provenance=provenance.collect(
            request.command, request.reason, request.registry, owner.distribution, recipe.seeds
        ),
    )
    with progress.step("compare and describe"):
        composed = compose(candidate, start)
    if not request.dry_run:
        with progress.step("publish"):
            composed = _published(request, candidate)
    return Outcome(
        model=recipe.id,
        status="dry-run" if request.dry_run else "published",
        judgement=composed.judgement,
        artifacts=artifacts,
        previous=start.previous,
        drift=composed.drift,
        sidecar=composed.sidecar,
        withdrawn=composed.release.withdrawn,
    )


def _published(request: Request, candidate: Candidate) -> Composed:
    """Commit the release of ``candidate``, made again wherever somebody else published the model meanwhile."""
    made: list[Composed] = []

    def make() -> Change:
        registry = open_registry(request.registry)  # it is our turn: what does not agree is damage, and we mend it
        before = registry.find(candidate.recipe.id)
        made.append(compose(candidate, starting_point(registry, before, candidate.recipe)))
        return Change(made[-1].release)

    account = _account(request, candidate.judgement)
    publish(request.registry, candidate.recipe.id, make, account, request.lock_timeout)
    return made[-1]


def _account(request: Request, judgement: Judgement) -> Account:
    git = provenance.git_state(request.registry)
    return Account(
        time=provenance.now(),
        who=provenance.who(),
        commit=git.commit if git else None,
        reason=provenance.public(request.reason),
        table=judgement.table.sha256,
        gate=tuple(evidence.verdict_document(verdict) for verdict in judgement.verdicts),
    )


def exported(where: Bench, judged: Judged) -> tuple[Artifact, ...]:
    """Every artifact of the release, verified.

    Raises PluginError if they are not those that the recipe names, VerificationError if one fails a check.
    """
    recipe = where.recipe
    protos = where.plugins.call("tinyai_export", where.owner, recipe=recipe, models=list(judged.final))
    members = dict(zip(recipe.member_names, judged.final, strict=False))
    twin = re.compile(rf"{recipe.id}\.[A-Za-z0-9_]+\Z")
    foreign = [n for n in protos if n != recipe.id and n not in members and not twin.match(n)]
    if foreign or not {recipe.id, *members} <= set(protos):
        raise PluginError(
            f"{where.owner}: tinyai_export returned {sorted(protos)}; the artifacts of this recipe are called "
            f"{', '.join((recipe.id, *members))}, any other {recipe.id}.<something>"
        )
    runtime = load_runtime()
    return tuple(
        verified(name, proto, [members[name]] if name in members else judged.final, judged.table, runtime)
        for name, proto in protos.items()
    )
