"""What is published, as one chain of nouns: a candidate, the release that it makes, and what came of it.

:class:`~tinyai_registry.evaluation.Judgement` comes before them, :class:`~tinyai_registry.store.log.Entry`, the commit,
lies between release and outcome.
"""

from tinyai_registry.release._candidate import Candidate
from tinyai_registry.release._outcome import Outcome, Previous, Status
from tinyai_registry.release._provenance import Account, Git, NoGit, Provenance
from tinyai_registry.release._release import PARITY, Artifact, Description, Noise, Release, Sampled, Vector

__all__ = [
    "PARITY",
    "Account",
    "Artifact",
    "Candidate",
    "Description",
    "Git",
    "NoGit",
    "Noise",
    "Outcome",
    "Previous",
    "Provenance",
    "Release",
    "Sampled",
    "Status",
    "Vector",
]
