"""A model that has passed its gate and whose artifacts have been verified."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinyai_registry.evaluation import Judgement, ProtocolResult
from tinyai_registry.recipe import Recipe
from tinyai_registry.release._provenance import Provenance
from tinyai_registry.release._release import Artifact, Description

if TYPE_CHECKING:
    from tinyai_registry.lab.standardisation import Standardisation


@dataclass(frozen=True)
class Candidate:
    """All that is known of a model before it is compared with the release before.

    ``plugin`` is (distribution, version); ``scaler`` is what the models do to features before their networks.
    """

    recipe: Recipe
    plugin: tuple[str, str]
    judgement: Judgement
    artifacts: tuple[Artifact, ...]
    scaler: Standardisation | None
    protocols: tuple[ProtocolResult, ...]
    description: Description
    provenance: Provenance
