"""A model that has passed its gate and whose artifacts have been verified."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tinyai_registry.evaluation import Judgement, ProtocolResult, Scatter
from tinyai_registry.recipe import Recipe
from tinyai_registry.release._provenance import Provenance
from tinyai_registry.release._release import Artifact, Description

if TYPE_CHECKING:
    from tinyai_registry.lab.standardisation import Standardisation


@dataclass(frozen=True)
class Candidate:
    """All that is known of a model before it is compared with the release before.

    ``plugin`` is (distribution, version); ``scaler`` is what the models do to features before their networks. Of what
    they predict there is as much as is ``shown``, so that a candidate is small, however large the table.
    """

    recipe: Recipe
    plugin: tuple[str, str]
    judgement: Judgement
    artifacts: tuple[Artifact, ...]
    scaler: Standardisation | None
    protocols: tuple[ProtocolResult, ...]
    description: Description
    provenance: Provenance
    shown: Scatter = field(default_factory=Scatter)
