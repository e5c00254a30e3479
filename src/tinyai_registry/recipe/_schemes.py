"""How rows are held out: cross-validation schemes, by the names that the field gives them."""

from __future__ import annotations

from dataclasses import dataclass

from tinyai_registry.errors import RecipeError
from tinyai_registry.recipe._checks import require_share, require_two
from tinyai_registry.recipe._rows import Where


@dataclass(frozen=True)
class LeaveOneGroupOut:
    """One fold for each group: trained on all the others, tested on that one (LOSO over source clips).

    A group is a value of the column ``by``, by default of the recipe's ``group``. Only rows ``within`` are held out;
    the others are trained on in every fold, but for those of the group that is held out.
    """

    by: str | None = None
    within: Where | None = None


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
    """``folds`` folds of shuffled groups: the rows of a group are held out together.

    ``by`` and ``within`` are those of :class:`LeaveOneGroupOut`.
    """

    folds: int
    seed: int = 0
    by: str | None = None
    within: Where | None = None

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
class PredefinedSplit:
    """One fold, which the table itself cuts: ``column`` says of each row which part it belongs to.

    The fold is trained on the rows of ``train`` and held out are those of ``validation``; the final fit sees both. The
    rows of ``test`` are set aside for a final test, as by :class:`HeldOut`; None where the table has none.
    """

    column: str
    train: str = "train"
    validation: str = "val"
    test: str | None = "test"

    def __post_init__(self) -> None:
        if len(set(self.parts)) != len(self.parts):
            raise RecipeError(f"PredefinedSplit takes another value of {self.column} for each part: {self}")

    @property
    def parts(self) -> tuple[str, ...]:
        """The values that ``column`` may have."""
        return tuple(part for part in (self.train, self.validation, self.test) if part is not None)


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


Scheme = LeaveOneGroupOut | KFold | GroupKFold | RepeatedHoldout | PredefinedSplit | HeldOut


def columns_of(scheme: Scheme) -> tuple[str, ...]:
    """The columns of the table that ``scheme`` names."""
    match scheme:
        case HeldOut():
            return columns_of(scheme.within)
        case PredefinedSplit():
            return (scheme.column,)
        case LeaveOneGroupOut() | GroupKFold():
            within = () if scheme.within is None else (scheme.within.column,)
            return within if scheme.by is None else (scheme.by, *within)
        case _:
            return ()


def sets_test_aside(scheme: Scheme) -> bool:
    """Whether some rows are held out of every fit, the final one included."""
    return isinstance(scheme, HeldOut) or (isinstance(scheme, PredefinedSplit) and scheme.test is not None)
