"""The middle of a refresh: a table goes in, a judged model comes out, and nothing has changed.

It takes nearly all of the time and may be done by another process, on another machine. Imports the lab.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinyai_registry.evaluation import Judgement
from tinyai_registry.evaluation.progress import Progress
from tinyai_registry.lab.predictions import write_predictions
from tinyai_registry.lab.processor import cpu_capability
from tinyai_registry.onnxfile.runtime import load_runtime
from tinyai_registry.plugins.owner import Owner
from tinyai_registry.release import Candidate, Previous
from tinyai_registry.release.provenance import collect, give_account
from tinyai_registry.workflows.evaluate import judge, judge_artifacts, train
from tinyai_registry.workflows.refreshing.candidate import make_candidate
from tinyai_registry.workflows.refreshing.export import export
from tinyai_registry.workflows.refreshing.shipped import compare_with_shipped
from tinyai_registry.workflows.refreshing.starting_point import Request


def attempt(
    owner: Owner,
    request: Request,
    sidecar: Mapping[str, Any] | None,
    previous: Previous | None,
    progress: Progress,
) -> Candidate | Judgement:
    """What may be published of the model of ``owner``, or the judgement by which its gate has refused it.

    ``sidecar`` and ``previous`` are of the registered release. Raises a TinyaiError for whatever else stops it.
    """
    trained = train(owner, request.table, progress, request.sha256)
    judgement = judge(owner, trained, sidecar, progress, request.engine)
    if request.predictions is not None:
        with progress.step("write predictions"):
            write_predictions(request.predictions, trained.table, judgement.evaluation.held_out)
    with progress.step("run the registered model"):
        judgement = compare_with_shipped(judgement, trained, request.registry, sidecar, previous)
    if not judgement.passed:
        return judgement.without_rows()
    with progress.step("export and verify"):
        artifacts = export(owner, trained, load_runtime(request.runtime), progress)
    judgement = judge_artifacts(judgement, artifacts)
    if not judgement.passed:
        return judgement.without_rows()
    account = give_account(request.registry, request.reason)
    seeds, made_by = owner.recipe.seeds, owner.plugin.distribution
    provenance = collect(account, request.command, request.registry, made_by, seeds, cpu_capability())
    return make_candidate(owner, trained, judgement, artifacts, provenance, progress, request.engine)
