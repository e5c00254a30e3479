"""How well a model did: fits, folds, metrics as values, verdicts, caveats. Nouns without torch."""

from tinyai_registry.evaluation._data import CORPUS, DataSet
from tinyai_registry.evaluation._fits import Fit, HeldOutRows, Scatter, TrainedModel
from tinyai_registry.evaluation._judgement import Caveat, Judgement, Verdict
from tinyai_registry.evaluation._metrics import (
    STANDARD_METRICS,
    Aggregate,
    Evaluation,
    Fold,
    Metrics,
    ProtocolResult,
    aggregate,
    aggregate_of,
)
from tinyai_registry.evaluation._shipped import Shipped
from tinyai_registry.evaluation._table import (
    NEGLIGIBLE_STD,
    ColumnDrift,
    CorpusFingerprint,
    Drift,
    TableFingerprint,
    TableOrigin,
)

__all__ = [
    "CORPUS",
    "NEGLIGIBLE_STD",
    "STANDARD_METRICS",
    "Aggregate",
    "Caveat",
    "ColumnDrift",
    "CorpusFingerprint",
    "DataSet",
    "Drift",
    "Evaluation",
    "Fit",
    "Fold",
    "HeldOutRows",
    "Judgement",
    "Metrics",
    "ProtocolResult",
    "Scatter",
    "Shipped",
    "TableFingerprint",
    "TableOrigin",
    "TrainedModel",
    "Verdict",
    "aggregate",
    "aggregate_of",
]
