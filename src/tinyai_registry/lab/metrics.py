"""The standard metrics, computed by the core for every model, in float64."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from tinyai_registry.evaluation import Metrics

Scores = NDArray[np.float64]

_CORRELATIONS: Mapping[str, Callable[[Scores, Scores], float]] = {
    "plcc": lambda x, y: float(stats.pearsonr(x, y).statistic),
    "srocc": lambda x, y: float(stats.spearmanr(x, y).statistic),  # average ranks
    "krocc": lambda x, y: float(stats.kendalltau(x, y, variant="b").statistic),
}


def standard_metrics(prediction: Scores, target: Scores) -> Metrics:
    """PLCC (Pearson), SROCC (Spearman on average ranks), KROCC (Kendall tau-b) and RMSE (target units).

    Both arrays are ``[n]``. A correlation of fewer than two rows, or of a constant, is ``None`` with the reason.
    """
    values: dict[str, float | None] = {}
    undefined: dict[str, str] = {}
    reason = _why_undefined(prediction, target)
    with np.errstate(over="ignore"):
        rmse = float(np.sqrt(np.mean((prediction - target) ** 2)))
        for name, correlation in _CORRELATIONS.items():
            values[name] = correlation(prediction, target) if reason is None else None
            if reason is not None:
                undefined[name] = reason
    values["rmse"] = rmse
    for name, value in values.items():
        if value is not None and not np.isfinite(value):
            values[name], undefined[name] = None, "the numbers are too large for float64"
    return Metrics(values, undefined)


def _why_undefined(prediction: Scores, target: Scores) -> str | None:
    if len(target) == 1:
        return "one row"
    for name, values in (("target", target), ("prediction", prediction)):
        # A spread at the limit of float64 is rounding; a correlation of it would be noise.
        if np.ptp(values) <= 1e-12 * max(1.0, float(np.abs(values).max())):
            return f"the {name} is constant ({values[0]:g})"
    return None


def mapped_metrics(prediction: Scores, target: Scores) -> Metrics:
    """:func:`standard_metrics`, with PLCC and RMSE after the four-parameter logistic that fits ``target`` best.

    ``b2 + (b1 - b2) / (1 + exp(-(x - b3) / |b4|))`` is usual before PLCC and RMSE in quality assessment (VQEG,
    "Final report on the validation of objective models of video quality assessment", 2003). It is monotonic: SROCC and
    KROCC stay.
    Where the fit does not converge, PLCC and RMSE are ``None``.
    """
    standard = standard_metrics(prediction, target)
    try:
        mapped = standard_metrics(_logistic_fit(prediction, target), target)
    except (RuntimeError, TypeError):  # the latter for fewer rows than parameters
        reason = dict.fromkeys(("plcc", "rmse"), "the logistic mapping does not converge")
        return Metrics({**standard.values, "plcc": None, "rmse": None}, {**standard.undefined, **reason})
    after = {name: mapped.values[name] for name in ("plcc", "rmse")}
    return Metrics({**standard.values, **after}, {**standard.undefined, **mapped.undefined})


def _logistic_fit(prediction: Scores, target: Scores) -> Scores:
    def logistic(x: Scores, top: float, bottom: float, centre: float, width: float) -> Scores:
        # Between these bounds exp neither overflows nor matters.
        return bottom + (top - bottom) / (1 + np.exp(np.clip(-(x - centre) / abs(width), -500.0, 500.0)))

    start = (target.max(), target.min(), prediction.mean(), max(float(prediction.std()), 1e-3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optimize.OptimizeWarning)  # about the covariance, which nobody asked for
        fitted, _ = optimize.curve_fit(logistic, prediction, target, p0=start, maxfev=10_000)
    return logistic(prediction, *fitted)


def extend(standard: Metrics, extra: Mapping[str, float]) -> Metrics:
    """``standard`` and a plugin's own metrics; what is not finite becomes ``None`` with a reason."""
    values, undefined = dict(standard.values), dict(standard.undefined)
    for name, value in extra.items():
        finite = bool(np.isfinite(value))
        values[name] = float(value) if finite else None
        if not finite:
            undefined[name] = f"the plugin returned {float(value)}"
    return Metrics(values, undefined)


def tied_targets(target: Sequence[float] | Scores) -> float:
    """The share of rows, 0 to 1, whose target equals another row's."""
    _, counts = np.unique(np.asarray(target), return_counts=True)
    return float(counts[counts > 1].sum() / len(target))
