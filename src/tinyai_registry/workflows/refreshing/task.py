"""One model to refresh, as it is handed to a worker: what it takes, in plain data, and what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tinyai_registry.errors import EngineError, in_words
from tinyai_registry.evaluation import Judgement
from tinyai_registry.evaluation.progress import Progress
from tinyai_registry.plugins.discovery import discover
from tinyai_registry.plugins.owner import Owner, find_owner
from tinyai_registry.plugins.plugin import describe_error
from tinyai_registry.recipe import (
    GroupKFold,
    HeldOut,
    KFold,
    LeaveOneGroupOut,
    PredefinedSplit,
    Recipe,
    RepeatedHoldout,
    Scheme,
)
from tinyai_registry.release import Candidate, Previous
from tinyai_registry.workflows.heavy_imports import uncollected
from tinyai_registry.workflows.refreshing.starting_point import Request

# What is not known before a table is read, for an estimate.
GROUPS = 10


@dataclass(frozen=True)
class Task:
    """``recipe`` is to be refreshed as ``request`` says; what it names lies under the same paths for the worker.

    ``plugin`` is (distribution, version) of the owner, ``policy`` and ``blocked`` are names of plugins. ``sidecar`` and
    ``previous`` are of the registered release. ``threads`` is how many threads the work may take at most.
    """

    recipe: Recipe
    request: Request
    plugin: tuple[str, str]
    policy: tuple[str, ...]
    blocked: tuple[str, ...]
    sidecar: Mapping[str, Any] | None
    previous: Previous | None
    threads: int


@dataclass(frozen=True)
class Failure:
    """What has stopped the refresh of a model, and the exit code that says so."""

    why: str
    exit_code: int


def work_on(task: Task) -> Candidate | Judgement | Failure:
    """What may be published, the judgement that refuses it, or what has gone wrong. Changes nothing."""
    try:
        owner = _find_owner(task)
        with uncollected():
            from tinyai_registry.lab.processor import threads  # noqa: PLC0415 - torch, for workers alone
            from tinyai_registry.workflows.refreshing.attempt import attempt  # noqa: PLC0415
        with threads(task.threads):
            return attempt(owner, task.request, task.sidecar, task.previous, Progress())
    except ModuleNotFoundError:
        raise  # the command says which extra is missing
    except Exception as error:  # noqa: BLE001  # whatever it is, the other models go on
        return failure_of(error)


def _find_owner(task: Task) -> Owner:
    """The owner of the model here. Raises EngineError if that is not the one that the task speaks of."""
    owner = find_owner(discover(task.blocked), task.recipe.id, task.policy)
    here = owner.plugin.distribution, owner.plugin.version
    if here != task.plugin or owner.recipe != task.recipe:
        raise EngineError(
            f"a worker has another {task.recipe.id}, of {' '.join(here)}, than whoever asked it, which has "
            f"{' '.join(task.plugin)}; install the same there"
        )
    return owner


def failure_of(error: Exception) -> Failure:
    """``error`` in words, as the command line has them."""
    told = in_words(error)
    return Failure(describe_error(error), 1) if told is None else Failure(str(told), told.exit_code)


def expected_work(recipe: Recipe, table_bytes: int) -> float | None:
    """How long the training takes, in no unit; None where a plugin trains a model of its own.

    Nothing is read for it.
    """
    mlp, settings = recipe.architecture, recipe.training
    if mlp is None or settings is None:
        return None
    splits = sum(_splits(scheme) for scheme in (recipe.folds, *(each.scheme for each in recipe.protocols)))
    widths = (len(recipe.feature_order), *mlp.hidden, 1)
    parameters = sum(fan_in * fan_out for fan_in, fan_out in pairwise(widths))
    return float(table_bytes * settings.epochs * parameters * splits * len(recipe.seeds))


def share_out(works: Mapping[int, float | None]) -> dict[int, float]:
    """How much of the whole each of ``works`` is, in the order in which they are to begin: the longest first.

    One of which nobody can say begins before those, and counts as much as the longest of them.

    >>> share_out({0: 2.0, 1: None, 2: 5.0})
    {1: 5.0, 2: 5.0, 0: 2.0}
    """
    longest = max((work for work in works.values() if work is not None), default=1.0)
    order = sorted(works.items(), key=lambda item: (item[1] is not None, -(item[1] or 0.0)))
    return {place: longest if work is None else work for place, work in order}


def _splits(scheme: Scheme) -> int:
    """How many models one seed takes, the final one included."""
    match scheme:
        case KFold() | GroupKFold():
            return scheme.folds + 1
        case RepeatedHoldout():
            return scheme.splits + 1
        case PredefinedSplit():
            return 2
        case HeldOut():
            return _splits(scheme.within)
        case LeaveOneGroupOut():
            return GROUPS
