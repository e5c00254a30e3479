"""The story of a refresh, and the first file to read: what was asked for is there already, or the model is renewed.

A feature table goes in, a release comes out, and nothing in between can leave the registry half-changed.
"""

from __future__ import annotations

from tinyai_registry.evaluation.progress import Progress
from tinyai_registry.lab.table_file import digest
from tinyai_registry.plugins.owner import Owner
from tinyai_registry.release import Outcome
from tinyai_registry.store.recovery import settle
from tinyai_registry.store.snapshot import read_as_it_stands
from tinyai_registry.workflows.starting_point import Request, is_up_to_date, starting_point


def refresh(owner: Owner, request: Request, progress: Progress) -> Outcome:
    """Refresh the model of ``owner`` from a table: published, up to date, refused by the gate, or a dry run.

    Raises a TinyaiError for whatever else stops it; the registry then is as it was.
    """
    recipe = owner.recipe
    with progress.step("open registry"):
        settle(request.registry)
        start = starting_point(*read_as_it_stands(request.registry, recipe.id), recipe)
        current = not request.force and is_up_to_date(start, owner, digest(request.table))
    if current:
        return Outcome(recipe.id, "up-to-date", sidecar=start.sidecar)
    with progress.step("load the lab"):
        # It imports for seconds, for which a release that is up to date need not wait.
        from tinyai_registry.workflows.renewal import renew
    return renew(owner, request, start, progress)
