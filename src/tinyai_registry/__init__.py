"""tinyai-registry: tiny ONNX models, refreshed from a feature table and published whole or not at all.

What a plugin needs is here; it costs no heavy import.
"""

from tinyai_registry.errors import TinyaiError
from tinyai_registry.evaluation import Aggregate, Caveat, Evaluation, Fold, Metrics, Verdict
from tinyai_registry.hookspecs import hookimpl
from tinyai_registry.recipe import (
    MLP,
    AdamW,
    CardText,
    Criterion,
    Ensemble,
    GroupKFold,
    HeldOut,
    Input,
    KFold,
    LeaveOneGroupOut,
    Lookup,
    MeanBy,
    Protocol,
    Published,
    Recipe,
    RepeatedHoldout,
    one_hot,
)
from tinyai_registry.release import Description

__all__ = [
    "MLP",
    "AdamW",
    "Aggregate",
    "CardText",
    "Caveat",
    "Criterion",
    "Description",
    "Ensemble",
    "Evaluation",
    "Fold",
    "GroupKFold",
    "HeldOut",
    "Input",
    "KFold",
    "LeaveOneGroupOut",
    "Lookup",
    "MeanBy",
    "Metrics",
    "Protocol",
    "Published",
    "Recipe",
    "RepeatedHoldout",
    "TinyaiError",
    "Verdict",
    "hookimpl",
    "one_hot",
]
