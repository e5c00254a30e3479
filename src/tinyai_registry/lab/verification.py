"""Does the exported file do what the trained model does? Asked of the bytes that would be published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from tinyai_registry.checks import graph
from tinyai_registry.errors import VerificationError
from tinyai_registry.evaluation import TrainedModel
from tinyai_registry.lab.ensemble import mean_prediction
from tinyai_registry.lab.export import PRODUCER
from tinyai_registry.lab.feed import Tensors, feed, feeds
from tinyai_registry.lab.inference import open_session, run_rows
from tinyai_registry.lab.noise import draw
from tinyai_registry.lab.quantisation import TwinRows, measure
from tinyai_registry.lab.table import Table, split_inputs
from tinyai_registry.onnxfile.graph import Shape, Signature, count_parameters, signature
from tinyai_registry.onnxfile.inspector import Inspector
from tinyai_registry.onnxfile.runtime import Runtime
from tinyai_registry.recipe import Input, Int8, Recipe, Tensor
from tinyai_registry.release import PARITY, Artifact, Noise, Sampled, Vector

ROWS = 257  # odd, so that no batch size of training divides it
VECTOR_ROWS = 5
VECTOR_VALUES = 65  # of an output that is no score


def verify(
    name: str, proto: onnx.ModelProto, models: Sequence[TrainedModel], table: Table, runtime: Runtime
) -> Artifact:
    """``proto``, simplified where that is safe, as the artifact ``<name>.onnx``: what the mean of ``models`` says.

    Raises VerificationError, naming the worst row where numbers differ, unless every check passes: onnx.checker
    and shape inference, the runtime's operators and sizes, opset and tensor names as the recipe has them, and
    parity with the models' predictions on rows of the table and on rows drawn in standardised space.
    """
    samples = draw_samples(table)
    data = proto.SerializeToString(deterministic=True)
    checked = _check(name, data, models, table, runtime, samples)
    if proto.producer_name == PRODUCER:  # written node by node: nothing is left to simplify, and a second is spared
        return checked
    return _simplify(checked, proto, models, table, runtime, samples) or checked


def verify_twin(
    proto: onnx.ModelProto,
    main: Artifact,
    twin: Int8,
    model: TrainedModel,
    table: Table,
    runtime: Runtime,
    rows: TwinRows,
) -> Artifact:
    """``proto`` as the int8 twin of the artifact ``main``, with how closely it follows it on rows of the table.

    ``model`` is any member of the ensemble. Raises VerificationError if its structure is not that of ``main``, or it
    gives no number somewhere; whether it is close enough is for the gate to say.
    """
    recipe, name = table.recipe, f"{main.path.removesuffix('.onnx')}.int8"
    low, high = recipe.target_range
    data = proto.SerializeToString(deterministic=True)
    opset = _check_structure(name, data, recipe, runtime)
    spread = _spread(table)
    fidelity = measure(main.data, data, feeds(table, model, rows.judged), recipe.output, high - low)
    return Artifact(
        path=f"{name}.onnx",
        data=data,
        opset=opset,
        parity_max_abs=fidelity["int8_worst_difference"] * (high - low),
        # Another processor adds up in another order, and a value at the edge of a step falls to the other side of it.
        vector=make_vector(data, recipe, model, spread, twin.worst, _noise(table, _count(spread))[0]),
        measured={
            **fidelity,
            "calibration_rows": float(len(rows.calibration)),
            "judged_rows": float(len(rows.judged)),
        },
    )


def _check(
    name: str,
    data: bytes,
    models: Sequence[TrainedModel],
    table: Table,
    runtime: Runtime,
    samples: list[Tensors],
) -> Artifact:
    recipe = table.recipe
    opset = _check_structure(name, data, recipe, runtime)
    parity = _measure_parity(name, data, models, recipe, samples)
    noise, _ = _noise(table, _count(samples[-1]))
    vector = make_vector(data, recipe, models[0], samples[-1], noise=noise)
    counted = count_parameters(onnx.load_model_from_string(data))
    return Artifact(f"{name}.onnx", data, opset, parity, vector, parameters=counted)


def _check_structure(name: str, data: bytes, recipe: Recipe, runtime: Runtime) -> int:
    """The graph's own opset. Raises VerificationError if its structure is not what recipe and runtime ask for."""
    with Inspector() as inspector:
        for flaw in graph.flaws(data, runtime, inspector):
            raise VerificationError(f"artifact {name}: {flaw.message} ({flaw.rule.code})")
    found = signature(onnx.load_model_from_string(data))
    if found.opset != recipe.opset:
        raise VerificationError(f"artifact {name}: opset {found.opset}, but the recipe says {recipe.opset}")
    if any(kind != onnx.TensorProto.FLOAT for kind in found.types.values()):
        raise VerificationError(f"artifact {name}: inputs and output are float32 tensors, and some of these are not")
    _check_shapes(name, found, recipe)
    return found.opset


def _check_shapes(name: str, found: Signature, recipe: Recipe) -> None:
    wanted: dict[str, tuple[Any, ...]] = {i.tensor: (_batch(recipe), *_shape(i)) for i in recipe.inputs}
    if list(found.inputs) != list(wanted):
        raise VerificationError(f"artifact {name}: inputs {list(found.inputs)}, but the recipe says {list(wanted)}")
    for tensor, shape in found.inputs.items():
        if _with_batch(shape) != wanted[tensor]:
            right = ", ".join(map(str, wanted[tensor]))
            raise VerificationError(f"artifact {name}: input {tensor} is {list(shape)}, not [{right}]")
    given = recipe.output_shape or (1,) * (recipe.output_rank - 1)
    shape = found.outputs.get(recipe.output, ())
    if len(found.outputs) != 1 or len(shape) != 1 + len(given) or (recipe.output_shape and shape[1:] != given):
        right = ", ".join(map(str, (_batch(recipe), *given)))
        raise VerificationError(f"artifact {name}: outputs {found.outputs}, not {recipe.output} [{right}]")


def _shape(noun: Input | Tensor) -> tuple[int, ...]:
    return noun.shape if isinstance(noun, Tensor) else (len(noun.columns),)


def _batch(recipe: Recipe) -> int | str:
    return 1 if recipe.batch == "one" else "N"


def _with_batch(shape: Shape) -> tuple[Any, ...]:
    """``shape``, with N for a first dimension that is open, whatever the graph calls it."""
    return tuple("N" if axis == 0 and not isinstance(size, int) else size for axis, size in enumerate(shape))


def draw_samples(table: Table) -> list[Tensors]:
    """Raw inputs: rows of the table and rows from N(0, 1) in standardised space, at batch 1 and at ROWS.

    Of what no column holds, fewer rows if they are large, and noise between the values that these have. The last are
    those of the test vector.
    """
    generator = np.random.default_rng(table.recipe.seed)
    rows = next(table.batches(generator.choice(len(table), ROWS)))
    real = table.inputs(rows)
    mean, std = np.array(table.fingerprint.feature_means), np.array(table.fingerprint.feature_stds)
    drawn = (generator.standard_normal((len(rows), len(mean))) * std + mean).astype(np.float32)
    random = {**split_inputs(table.recipe.inputs, drawn), **_noise(table, len(rows), ROWS)[1]}
    random = {each.tensor: random[each.tensor] for each in table.recipe.inputs}
    one = [{tensor: values[:1] for tensor, values in batch.items()} for batch in (real, random)]
    return [real, random, *one, _spread(table)]


def _noise(table: Table, rows: int, seed: int = 0) -> tuple[dict[str, Noise], dict[str, NDArray[np.float32]]]:
    """Noise in place of each input that no column holds, between the values that the first rows have."""
    tensors = [each for each in table.recipe.inputs if isinstance(each, Tensor)]
    known = table.inputs(next(table.batches(np.arange(min(len(table), ROWS))))) if tensors else {}
    made = {
        each.tensor: draw(
            (rows, *each.shape), seed + k, float(known[each.tensor].min()), float(known[each.tensor].max())
        )
        for k, each in enumerate(tensors)
    }
    return {name: noise for name, (noise, _) in made.items()}, {name: values for name, (_, values) in made.items()}


def _count(tensors: Tensors) -> int:
    return len(next(iter(tensors.values())))


def _spread(table: Table) -> Tensors:
    """A few rows of the table, evenly from the lowest target to the highest, each empty cell at its column's mean.

    Of a target that is a tensor in the order of keys; noise stands in for what no column holds.
    """
    recipe, fingerprint = table.recipe, table.fingerprint
    by = [recipe.target, *recipe.key] if isinstance(recipe.target, str) else list(recipe.key)
    ranked = table.frame[by].sort_values(by).index.to_numpy()
    rows = ranked[np.unique(np.linspace(0, len(ranked) - 1, VECTOR_ROWS).astype(int))]
    features = table.features[rows]
    whole = np.where(np.isnan(features), fingerprint.feature_means, features)
    filled = {**split_inputs(recipe.inputs, whole.astype(np.float32)), **_noise(table, len(rows))[1]}
    return {each.tensor: filled[each.tensor] for each in recipe.inputs}


def run(data: bytes, recipe: Recipe, model: TrainedModel, raw: Tensors) -> NDArray[np.float32]:
    """Scores ``[N]`` of the ONNX file ``data`` in onnxruntime, the way a caller is told to call it.

    ``model`` is any member of the ensemble: they are trained on the same rows and share their standardisation.
    """
    [scores] = run_rows(open_session(data), [recipe.output], feed(recipe, model, raw))
    return scores[:, 0] if recipe.output_rank > 1 and scores.shape[1:] == (1,) else scores


def make_vector(
    data: bytes,
    recipe: Recipe,
    model: TrainedModel,
    raw: Tensors,
    tolerance: float = PARITY,
    noise: Mapping[str, Noise] = MappingProxyType({}),
) -> Vector:
    """``raw`` and what the file gives for it; ``tolerance`` is a share of the target range.

    ``noise`` says which tensors of ``raw`` are noise, and which one.
    """
    low, high = recipe.target_range
    given, fed = run(data, recipe, model, raw), feed(recipe, model, raw)
    return Vector(
        inputs={name: noise.get(name) or shortest(values) for name, values in fed.items()},
        outputs={recipe.output: sample(given) if recipe.output_shape else shortest(given)},
        tolerance=tolerance * (high - low),
    )


def sample(values: NDArray[np.float32]) -> Sampled:
    """Some of ``values``, of any shape, evenly from the first to the last."""
    positions = np.unique(np.linspace(0, values.size - 1, VECTOR_VALUES).astype(int))
    return Sampled(values.shape, positions.tolist(), shortest(values.ravel()[positions]))


def shortest(values: NDArray[np.float32]) -> list[Any]:
    """``values``, each as the double with the fewest decimals that is the same float32."""
    short: list[Any] = values.astype(str).astype(np.float64).tolist()
    return short


def _measure_parity(
    name: str, data: bytes, models: Sequence[TrainedModel], recipe: Recipe, samples: list[Tensors]
) -> float:
    low, high = recipe.target_range
    tolerance = PARITY * (high - low)
    worst = 0.0
    for raw in samples:
        expected, got = mean_prediction(models, raw), run(data, recipe, models[0], raw)
        if expected.shape != got.shape:
            raise VerificationError(f"artifact {name}: output {got.shape}, the model gives {expected.shape}")
        difference = np.abs(expected - got)
        # Written so that a NaN on either side is not within tolerance.
        if not np.all(difference <= tolerance):
            row = int(np.nanargmax(np.where(np.isnan(difference), np.inf, difference)))
            raise VerificationError(
                f"artifact {name}: onnxruntime gives {got.flat[row]:g} where the model gives {expected.flat[row]:g} "
                f"({'row' if got.ndim == 1 else 'value'} {row} of {got.size}); they may differ by {tolerance:g}"
            )
        worst = max(worst, float(difference.max()))
    return worst


def _simplify(
    checked: Artifact,
    proto: onnx.ModelProto,
    models: Sequence[TrainedModel],
    table: Table,
    runtime: Runtime,
    samples: list[Tensors],
) -> Artifact | None:
    """What onnxsim makes of it; None if that fails a check, is larger, or gives another bit on any sample."""
    import onnxsim  # imports torch, which `validate --load` does without

    name = checked.path.removesuffix(".onnx")
    try:
        simplified, _ = onnxsim.simplify(proto, check_n=0)
        data = simplified.SerializeToString(deterministic=True)
        candidate = _check(name, data, models, table, runtime, samples)
        equal = all(
            np.array_equal(run(checked.data, table.recipe, models[0], raw), run(data, table.recipe, models[0], raw))
            for raw in samples
        )
    except Exception:  # noqa: BLE001  # whatever goes wrong in an optimiser, the graph that was checked is there
        return None
    return candidate if equal and len(data) <= len(checked.data) else None
