"""The recipe: everything that a plugin declares about one model, and the fingerprint that locks it.

A recipe is data. Its *decisive* fields settle the numbers and the verdict and are covered by the
fingerprint; the fields marked descriptive (licences, the card's words) may be edited freely. Fields that
still have their default are left out of the fingerprint, so that a new optional field changes no old one.
"""

from tinyai_registry.recipe._criteria import Criterion, MeanBy, criterion_of
from tinyai_registry.recipe._declaration import KINDS, UNDECIDED, CardText, Kind, Recipe
from tinyai_registry.recipe._fingerprint import decisive, fingerprint, plain
from tinyai_registry.recipe._imported import Imported, Regressor, source_flaw
from tinyai_registry.recipe._inputs import (
    UNKNOWN,
    Constant,
    Derived,
    Input,
    Log,
    Lookup,
    OneHot,
    Ratio,
    Scaled,
    Tensor,
    numeric_sources,
    one_hot,
    sources,
)
from tinyai_registry.recipe._names import id_flaw, name_flaw
from tinyai_registry.recipe._network import MLP, Adam, AdamW, Ensemble, Training
from tinyai_registry.recipe._protocols import Protocol, Published
from tinyai_registry.recipe._quantisation import FIDELITY, Int8
from tinyai_registry.recipe._reading import recipe_of, twins_of
from tinyai_registry.recipe._rows import Relation, Where
from tinyai_registry.recipe._schemes import (
    GroupKFold,
    HeldOut,
    KFold,
    LeaveOneGroupOut,
    PredefinedSplit,
    RepeatedHoldout,
    Scheme,
    columns_of,
    sets_test_aside,
)

__all__ = [
    "FIDELITY",
    "KINDS",
    "MLP",
    "UNDECIDED",
    "UNKNOWN",
    "Adam",
    "AdamW",
    "CardText",
    "Constant",
    "Criterion",
    "Derived",
    "Ensemble",
    "GroupKFold",
    "HeldOut",
    "Imported",
    "Input",
    "Int8",
    "KFold",
    "Kind",
    "LeaveOneGroupOut",
    "Log",
    "Lookup",
    "MeanBy",
    "OneHot",
    "PredefinedSplit",
    "Protocol",
    "Published",
    "Ratio",
    "Recipe",
    "Regressor",
    "Relation",
    "RepeatedHoldout",
    "Scaled",
    "Scheme",
    "Tensor",
    "Training",
    "Where",
    "columns_of",
    "criterion_of",
    "decisive",
    "fingerprint",
    "id_flaw",
    "name_flaw",
    "numeric_sources",
    "one_hot",
    "plain",
    "recipe_of",
    "sets_test_aside",
    "source_flaw",
    "sources",
    "twins_of",
]
