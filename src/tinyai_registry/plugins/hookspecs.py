"""What a plugin may do: its hooks, and who is called for each.

A plugin is a module (or any object) that an entry point in the group ``tinyai_registry`` names. It must be
importable in the light installation: what is heavy (torch, pandas) it imports inside its hooks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pluggy

from tinyai_registry.evaluation import Evaluation
from tinyai_registry.recipe import Criterion, Imported, Recipe
from tinyai_registry.release import Description

if TYPE_CHECKING:
    import numpy as np
    import onnx
    from numpy.typing import NDArray

    from tinyai_registry.evaluation import Fit, HeldOutRows, TrainedModel
    from tinyai_registry.evaluation.progress import Progress
    from tinyai_registry.lab.table import Table

PROJECT = "tinyai"
ENTRY_POINT_GROUP = "tinyai_registry"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def tinyai_recipes() -> Sequence[Recipe]:
    """The models that this plugin owns. Called for every plugin.

    >>> from tinyai_registry import CardText, Criterion, Input, KFold, Recipe, hookimpl
    >>> @hookimpl
    ... def tinyai_recipes():
    ...     return [
    ...         Recipe(
    ...             id="brightness_v1", kind="nr", inputs=(Input("features", ("luma",)),), target="rating",
    ...             target_range=(1.0, 5.0), key=("clip",), group="clip", clip="clip", dataset="made-up",
    ...             folds=KFold(3), criteria=(Criterion("plcc", "mean", ">=", 0.5),), license="MIT",
    ...             dataset_license="CC0-1.0", decision="ADR-0001",
    ...             card=CardText("Brightness", "Guesses.", "None.", "Many."),
    ...         )
    ...     ]
    >>> tinyai_recipes()[0].feature_order
    ('luma',)
    """
    raise NotImplementedError


@hookspec
def tinyai_imports() -> Sequence[Imported]:
    """The models of others that this plugin keeps up to date. Called for every plugin.

    `tinyai refresh` publishes a newer file of theirs, as `tinyai import` does: nothing is trained or judged.

    >>> from tinyai_registry import Imported, hookimpl
    >>> @hookimpl
    ... def tinyai_imports():
    ...     source = "https://example.org/lpips"
    ...     return [Imported("lpips_v1", "fr", "BSD-2-Clause", source, file="lpips", commit="0123abc")]
    >>> tinyai_imports()[0].file
    'lpips'
    """
    raise NotImplementedError


@hookspec
def tinyai_train(recipe: Recipe, table: Table, fits: Sequence[Fit], progress: Progress) -> Sequence[TrainedModel]:
    """Train all ``fits``; return one model for each, in order. Called for the owner, else the built-in.

    All fits come at once so that folds can be trained together. Draw randomness from ``fit.seed`` only. Whoever watches
    sees a bar that ``progress.advance(done, total)`` moves, in whatever pieces of work: call it as often as you like.
    Other models may be in training on the same machine: take as many threads as ``torch.get_num_threads()`` says.

    >>> import numpy as np
    >>> from tinyai_registry import hookimpl
    >>> class Mean:
    ...     standardisation = None
    ...     def __init__(self, value):
    ...         self.value = value
    ...     def predict(self, inputs):
    ...         return np.full(len(inputs["features"]), self.value)
    >>> @hookimpl
    ... def tinyai_train(recipe, table, fits):
    ...     return [Mean(table.target[fit.rows].mean()) for fit in fits]
    >>> from types import SimpleNamespace as Namespace
    >>> fit = Namespace(rows=np.array([0, 2]), seed=0)
    >>> [model] = tinyai_train(None, Namespace(target=np.array([1.0, 9.0, 3.0])), [fit])
    >>> model.predict({"features": np.zeros((2, 1), np.float32)})
    array([2., 2.])
    """
    raise NotImplementedError


@hookspec
def tinyai_inputs(recipe: Recipe, table: Table, rows: NDArray[np.int64]) -> Mapping[str, NDArray[np.floating]]:
    """The tensors that no column holds, for some ``rows`` of the table: ``{tensor: [n, *shape]}``, every one declared.

    Called for the owner of a recipe that declares a ``Tensor``, a batch of rows at a time: whatever is large is opened
    here, and never all at once. ``table.frame`` has the columns that the tensors are ``of``, ``table.folder`` is where
    the table lies. A target that is a tensor is among them, under its name.

    >>> import numpy as np
    >>> from tinyai_registry import hookimpl
    >>> @hookimpl
    ... def tinyai_inputs(recipe, table, rows):
    ...     return {"ramp": np.stack([np.full((1, 2, 2), row, np.float32) for row in rows])}
    >>> tinyai_inputs(None, None, np.array([3, 5]))["ramp"].shape
    (2, 1, 2, 2)
    """
    raise NotImplementedError


@hookspec
def tinyai_measure(
    recipe: Recipe,
    inputs: Mapping[str, NDArray[np.float32]],
    target: NDArray[np.float32],
    prediction: NDArray[np.float64],
) -> Mapping[str, NDArray[np.float64]]:
    """How well each row of a batch was predicted: ``{metric: [n]}``; the core takes the mean over the rows of a fold.

    Called for the owner of a recipe whose target is a tensor, in place of the standard metrics, which are for scores.
    ``target`` and ``prediction`` are ``[n, *shape]``. A NaN or an infinity makes the metric of the fold undefined.

    >>> import numpy as np
    >>> from tinyai_registry import hookimpl
    >>> @hookimpl
    ... def tinyai_measure(recipe, inputs, target, prediction):
    ...     return {"mae": abs(prediction - target).reshape(len(target), -1).mean(axis=1)}
    >>> tinyai_measure(None, {}, np.zeros((2, 1, 2, 2)), np.ones((2, 1, 2, 2)))["mae"]
    array([1., 1.])
    """
    raise NotImplementedError


@hookspec
def tinyai_evaluate(recipe: Recipe, held_out: Sequence[HeldOutRows]) -> Sequence[Mapping[str, float]]:
    """Metrics beyond PLCC, SROCC, KROCC and RMSE: one mapping for each held-out part, in order.

    Called for the owner, else the built-in (which adds none). NaN is recorded as undefined.

    >>> import numpy as np
    >>> from tinyai_registry import hookimpl
    >>> @hookimpl
    ... def tinyai_evaluate(recipe, held_out):
    ...     return [{"mae": float(abs(part.prediction - part.target).mean())} for part in held_out]
    >>> from types import SimpleNamespace as Namespace
    >>> tinyai_evaluate(None, [Namespace(prediction=np.array([1.0, 2.0]), target=np.array([1.0, 4.0]))])
    [{'mae': 1.0}]
    """
    raise NotImplementedError


@hookspec
def tinyai_gate(recipe: Recipe, evaluation: Evaluation, previous: Mapping[str, Any] | None) -> Sequence[Criterion]:
    """Criteria on top of those of the recipe; all must pass. ``previous`` is the registered sidecar, if any.

    Called for the owner, and for the plugins that ``tinyai.toml`` names under ``[policy]``. A refresh asks once more
    before the training, with an evaluation that has no folds: a criterion that could never be judged is refused then.

    >>> from tinyai_registry import Criterion, hookimpl
    >>> @hookimpl
    ... def tinyai_gate(recipe, evaluation, previous):
    ...     return [Criterion("srocc", "min", ">=", 0.6)]
    >>> str(tinyai_gate(None, None, None)[0])
    'min SROCC over folds >= 0.6'
    """
    raise NotImplementedError


@hookspec
def tinyai_export(
    recipe: Recipe, models: Sequence[TrainedModel], calibration: Sequence[Mapping[str, NDArray[np.float32]]]
) -> Mapping[str, onnx.ModelProto]:
    """The final models as ONNX graphs, by artifact name. Called for the owner, else the built-in.

    There is one model, or one for each member of the recipe's ensemble. The artifact that is named like the recipe, and
    any twin of it with a suffix (``<id>.plain``), gives the mean of the members' scores; an artifact named
    ``<id>_seed<seed>`` gives that member's. Each becomes ``<name>.onnx`` and is run by onnxruntime against ``predict``.

    The int8 twin that a recipe declares is made by the core, unless the plugin returns one of its own as ``<id>.int8``.
    ``calibration`` are the rows of the table for that, as the graph is fed them, batch by batch; else it is empty.

    >>> import onnx
    >>> from tinyai_registry import hookimpl
    >>> @hookimpl
    ... def tinyai_export(recipe, models, calibration):
    ...     graph = 'g (float[N, 1] features) => (float[N] score) { score = ReduceSum<keepdims=0>(features, axis) }'
    ...     model = onnx.parser.parse_model('<ir_version: 8, opset_import: ["": 17]>' + graph.replace(
    ...         '{', '<int64[1] axis = {1}> {', 1))
    ...     return {"brightness_v1": model}
    >>> sorted(tinyai_export(None, [], []))
    ['brightness_v1']
    """
    raise NotImplementedError


@hookspec
def tinyai_describe(recipe: Recipe, evaluation: Evaluation) -> Description:
    """What the plugin adds to sidecar and card. Called for the owner, else the built-in (which adds nothing).

    >>> from tinyai_registry import Description, hookimpl
    >>> @hookimpl
    ... def tinyai_describe(recipe, evaluation):
    ...     return Description(
    ...         extra={"viewing_distance": 3.0},
    ...         schema={"type": "object", "properties": {"viewing_distance": {"type": "number"}}},
    ...         sections={"Viewing conditions": "Three picture heights."},
    ...     )
    >>> tinyai_describe(None, None).extra
    {'viewing_distance': 3.0}
    """
    raise NotImplementedError
