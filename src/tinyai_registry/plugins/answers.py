"""Checks what a hook answers before anything uses it: a plugin is code that we did not write."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any

from tinyai_registry.errors import PluginError
from tinyai_registry.evaluation import STANDARD_METRICS
from tinyai_registry.recipe import Criterion, Imported, Recipe
from tinyai_registry.release import Description

# A fold's own keys in sidecar and report, which no metric may take.
RESERVED = frozenset({*STANDARD_METRICS, "group", "rows", "clips", "tied_targets", "undefined"})


def check_answer(hook: str, answer: object, arguments: Mapping[str, Any]) -> None:
    """Raise PluginError, without the plugin's name, if ``answer`` is not what ``hook`` asks for."""
    _CHECKS[hook](answer, arguments)


def _require_list(what: str, answer: object, length: int | None = None) -> Sequence[Any]:
    if not isinstance(answer, Sequence) or isinstance(answer, str | bytes):
        raise PluginError(f"returned {type(answer).__name__}, not a list of {what}")
    if length is not None and len(answer) != length:
        raise PluginError(f"returned {len(answer)} {what}, not {length}")
    return answer


def _check_recipes(answer: object, _: Mapping[str, Any]) -> None:
    for item in _require_list("recipes", answer):
        if not isinstance(item, Recipe):
            raise PluginError(f"returned a list with {type(item).__name__} in it, not Recipe")


def _check_imports(answer: object, _: Mapping[str, Any]) -> None:
    for item in _require_list("imported models", answer):
        if not isinstance(item, Imported):
            raise PluginError(f"returned a list with {type(item).__name__} in it, not Imported")


def _check_models(answer: object, arguments: Mapping[str, Any]) -> None:
    for item in _require_list("trained models, one for each fit", answer, len(arguments["fits"])):
        if not callable(getattr(item, "predict", None)) or not hasattr(item, "standardisation"):
            raise PluginError(f"returned {type(item).__name__}, which lacks predict or standardisation")


def _check_tensors(answer: object, arguments: Mapping[str, Any]) -> None:
    if not isinstance(answer, Mapping):
        raise PluginError(f"returned {type(answer).__name__}, not a mapping of tensors to arrays")
    for tensor in arguments["recipe"].tensors:
        wanted = (len(arguments["rows"]), *tensor.shape)
        if tensor.tensor not in answer:
            raise PluginError(f"returned {', '.join(answer) or 'nothing'}, and not the tensor {tensor.tensor}")
        found = getattr(answer[tensor.tensor], "shape", None)
        if found != wanted:
            raise PluginError(f"returned the tensor {tensor.tensor} with the shape {found}, not {wanted}")


def _check_measures(answer: object, arguments: Mapping[str, Any]) -> None:
    if not isinstance(answer, Mapping) or not answer:
        raise PluginError(f"returned {type(answer).__name__}, not a mapping of one or more metrics to a value per row")
    for name, values in answer.items():
        if not isinstance(name, str) or not name.isidentifier() or name in RESERVED:
            raise PluginError(f"returned the metric {name!r}; that name is taken, or is none")
        if getattr(values, "shape", None) != (len(arguments["target"]),):
            raise PluginError(f"returned the metric {name!r}, and not one value of it for each row")


def _check_metrics(answer: object, arguments: Mapping[str, Any]) -> None:
    for item in _require_list("mappings, one for each fold", answer, len(arguments["held_out"])):
        if not isinstance(item, Mapping):
            raise PluginError(f"returned a list with {type(item).__name__} in it, not a mapping")
        for name, value in item.items():
            if not isinstance(name, str) or not name.isidentifier() or name in RESERVED:
                raise PluginError(f"returned the metric {name!r}; that name is taken, or is none")
            if not isinstance(value, Real):
                raise PluginError(f"returned {type(value).__name__} for the metric {name!r}, not a number")


def _check_criteria(answer: object, _: Mapping[str, Any]) -> None:
    for item in _require_list("criteria", answer):
        if not isinstance(item, Criterion):
            raise PluginError(f"returned a list with {type(item).__name__} in it, not Criterion")


def _check_graphs(answer: object, _: Mapping[str, Any]) -> None:
    if not isinstance(answer, Mapping):
        raise PluginError(f"returned {type(answer).__name__}, not a mapping of names to ONNX models")
    for name, graph in answer.items():
        # Not isinstance: onnx is loaded only where graphs are made.
        if not isinstance(name, str) or type(graph).__name__ != "ModelProto":
            raise PluginError(f"returned {type(graph).__name__} under {name!r}, not an ONNX ModelProto")


def _check_description(answer: object, _: Mapping[str, Any]) -> None:
    if not isinstance(answer, Description):
        raise PluginError(f"returned {type(answer).__name__}, not Description")
    if answer.extra and not answer.schema:
        raise PluginError("returned extra fields without a schema, so that nobody could check them")


_CHECKS: Mapping[str, Callable[[object, Mapping[str, Any]], None]] = {
    "tinyai_imports": _check_imports,
    "tinyai_recipes": _check_recipes,
    "tinyai_train": _check_models,
    "tinyai_inputs": _check_tensors,
    "tinyai_measure": _check_measures,
    "tinyai_evaluate": _check_metrics,
    "tinyai_gate": _check_criteria,
    "tinyai_export": _check_graphs,
    "tinyai_describe": _check_description,
}
