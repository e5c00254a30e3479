"""What a trained and judged model is published as: the last step that a refresh and whoever makes it again share."""

from __future__ import annotations

from collections.abc import Sequence

from tinyai_registry.documents import plot
from tinyai_registry.evaluation import Judgement
from tinyai_registry.evaluation.progress import Progress
from tinyai_registry.plugins.owner import Owner
from tinyai_registry.release import Artifact, Candidate, Provenance
from tinyai_registry.workflows.judging.held_out import Trained
from tinyai_registry.workflows.judging.protocols import complete_protocols
from tinyai_registry.workflows.workers.engine import Engine


def make_candidate(
    owner: Owner,
    trained: Trained,
    judgement: Judgement,
    artifacts: Sequence[Artifact],
    provenance: Provenance,
    progress: Progress,
    engine: Engine | None = None,
) -> Candidate:
    """The candidate of ``owner`` with everything that its plugin has to say of it. ``engine`` does protocols."""
    return Candidate(
        recipe=owner.recipe,
        plugin=(owner.plugin.distribution, owner.plugin.version),
        judgement=judgement.without_rows(),
        artifacts=tuple(artifacts),
        scaler=trained.final[0].standardisation,
        protocols=complete_protocols(owner, trained.table, judgement.protocols, progress, engine),
        description=owner.call("tinyai_describe", evaluation=judgement.evaluation),
        provenance=provenance,
        shown=plot.choose(judgement.evaluation.held_out),
    )
