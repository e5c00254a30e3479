"""How rows are held out: cross-validation schemes, by the names that the field gives them."""

from __future__ import annotations

from dataclasses import dataclass

from tinyai_registry.recipe._checks import require_share, require_two


@dataclass(frozen=True)
class LeaveOneGroupOut:
    """One fold for each group: trained on all the others, tested on that one (LOSO over source clips)."""


@dataclass(frozen=True)
class KFold:
    """``folds`` folds of shuffled rows, for tables whose rows are independent of each other.

    ``stratify`` gives every fold the same distribution of the target.
    """

    folds: int
    seed: int = 0
    stratify: bool = False

    def __post_init__(self) -> None:
        require_two("KFold.folds", self.folds)


@dataclass(frozen=True)
class GroupKFold:
    """``folds`` folds of shuffled groups: the rows of a group are held out together."""

    folds: int
    seed: int = 0

    def __post_init__(self) -> None:
        require_two("GroupKFold.folds", self.folds)


@dataclass(frozen=True)
class RepeatedHoldout:
    """``splits`` independent random splits of the rows, each holding out the share ``test``."""

    splits: int
    test: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        require_two("RepeatedHoldout.splits", self.splits)
        require_share("RepeatedHoldout.test", self.test)


@dataclass(frozen=True)
class HeldOut:
    """A share ``test`` of the groups is set aside for a final test; ``within`` cuts what is left.

    No fit, not even the final one, sees a row of the test split.
    """

    within: LeaveOneGroupOut | GroupKFold
    test: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        require_share("HeldOut.test", self.test)


Scheme = LeaveOneGroupOut | KFold | GroupKFold | RepeatedHoldout | HeldOut
