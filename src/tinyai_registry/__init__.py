"""tinyai-registry: tiny ONNX models, refreshed from a feature table and published whole or not at all.

The rooms, from the ground up; each imports only those below it:

- ``errors``, ``text``, ``files``: what a user can get wrong; how words are escaped for a terminal, Markdown or
  XML; how files are read, and written whole.
- ``recipe``, ``evaluation``, ``release``: the nouns, and the gate: what a plugin declares, how well a model did, what
  is published.
- ``onnxfile``: reading a graph. ``documents``: reading and writing JSON, cards and ``tinyai.toml``.
- ``checks``: what can be wrong with a registry. ``store``: where releases are kept, and how they get there.
- ``lab``: where numbers are made, the only room that imports torch, pandas and the like.
- ``plugins``: how models come in from other distributions.
- ``workflows``: the stories, one module each; begin with ``workflows/refresh.py``.
- ``catalogue``, a wing: the registry as pages for people. ``tables``, a wing: from libvmaf's logs to a corpus.
  ``trust``, a wing: what shows that a release was earned, and that nothing was taken back.
- ``cli``: one small module for each command. ``testing``: the kit for authors of plugins.

What a plugin needs, and what a notebook starts with, is exported here. It costs no heavy import.
"""

import os
import sys

# Official builds of ONNX Runtime report to their makers unless this is set before they are loaded (its Privacy.md).
# What somebody does with a model is nobody else's; who wants the reports sets it to 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# `python -m tinyai_registry` looks for modules in the working directory first, which may be a stranger's registry. This
# stands before every import. While Python looks for the module, `sys.argv` has -m in its place.
if sys.argv[:1] == ["-m"] and "tinyai_registry" in sys.orig_argv[-len(sys.argv)] and not sys.flags.safe_path:
    del sys.path[0]

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tinyai_registry.errors import explain_missing

if TYPE_CHECKING:
    from tinyai_registry.errors import TinyaiError
    from tinyai_registry.evaluation import (
        Aggregate,
        Caveat,
        Evaluation,
        Fit,
        Fold,
        HeldOutRows,
        Metrics,
        TrainedModel,
        Verdict,
    )
    from tinyai_registry.evaluation.progress import Progress
    from tinyai_registry.lab.loaded_model import LoadedModel
    from tinyai_registry.lab.table import Table
    from tinyai_registry.plugins.hookspecs import hookimpl
    from tinyai_registry.recipe import (
        MLP,
        Adam,
        AdamW,
        CardText,
        Constant,
        Criterion,
        Ensemble,
        GroupKFold,
        HeldOut,
        Imported,
        Input,
        Int8,
        KFold,
        LeaveOneGroupOut,
        Log,
        Lookup,
        MeanBy,
        OneHot,
        PredefinedSplit,
        Protocol,
        Published,
        Ratio,
        Recipe,
        Regressor,
        RepeatedHoldout,
        Scaled,
        Tensor,
        Where,
        one_hot,
    )
    from tinyai_registry.release import Description
    from tinyai_registry.tables.log_rows import open_log
    from tinyai_registry.workflows.score import load

# Where what is exported lies. Each name is imported when it is asked for (PEP 562): whoever imports a module below
# imports this one first, and `tinyai --help` needs none of them.
_LIGHT = ("errors", "recipe", "evaluation", "evaluation.progress", "release", "plugins.hookspecs")
_HEAVY = {
    "LoadedModel": "lab.loaded_model",
    "Table": "lab.table",
    "load": "workflows.score",
    "open_log": "tables.log_rows",
}

__all__ = [
    "MLP",
    "Adam",
    "AdamW",
    "Aggregate",
    "CardText",
    "Caveat",
    "Constant",
    "Criterion",
    "Description",
    "Ensemble",
    "Evaluation",
    "Fit",
    "Fold",
    "GroupKFold",
    "HeldOut",
    "HeldOutRows",
    "Imported",
    "Input",
    "Int8",
    "KFold",
    "LeaveOneGroupOut",
    "LoadedModel",
    "Log",
    "Lookup",
    "MeanBy",
    "Metrics",
    "OneHot",
    "PredefinedSplit",
    "Progress",
    "Protocol",
    "Published",
    "Ratio",
    "Recipe",
    "Regressor",
    "RepeatedHoldout",
    "Scaled",
    "Table",
    "Tensor",
    "TinyaiError",
    "TrainedModel",
    "Verdict",
    "Where",
    "hookimpl",
    "load",
    "one_hot",
    "open_log",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    homes = (_HEAVY[name],) if name in _HEAVY else _LIGHT
    try:
        modules = (import_module(f"{__name__}.{home}") for home in homes)
        return next(getattr(module, name) for module in modules if hasattr(module, name))
    except ModuleNotFoundError as error:
        raise explain_missing(error) from error


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
