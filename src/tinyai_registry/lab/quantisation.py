"""The int8 twin of a graph: made by onnxruntime from the bytes that ship, and held against them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime import quantization
from onnxruntime.quantization.quant_utils import add_pre_process_metadata

from tinyai_registry.errors import VerificationError
from tinyai_registry.lab.feed import Tensors
from tinyai_registry.lab.folds import Plan
from tinyai_registry.lab.inference import open_session, run_rows
from tinyai_registry.lab.metrics import standard_metrics
from tinyai_registry.lab.standardisation import standardise
from tinyai_registry.lab.table import Table
from tinyai_registry.recipe import FIDELITY, Int8

# The layers that have weights worth quantising; what lies between them stays in float32.
LAYERS = ("Conv", "Gemm", "MatMul")

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class TwinRows:
    """Rows of a table, int64, ascending: those that a twin is calibrated on, and those that it is judged on."""

    calibration: Rows
    judged: Rows


def choose_rows(table: Table, plan: Plan, twin: Int8) -> TwinRows:
    """The rows of ``twin``, the same every time.

    A static twin is calibrated on rows that the final model was trained on, at most half of them. It is judged on the
    test split, where the scheme sets one aside, else on every row that its calibration did not see.
    """
    none = np.array([], np.int64)
    calibration = _choose(table, plan.development, twin.calibrate) if twin.mode == "static" else none
    judged = plan.test.held_out if plan.test else np.setdiff1d(plan.development, calibration)
    return TwinRows(calibration, judged)


def _choose(table: Table, rows: Rows, count: int) -> Rows:
    """``count`` of ``rows``, at most half of them, ascending: each the farthest from those that were chosen before.

    What lies outside the calibrated ranges is cut off, and a row like no other may then be off by tens of points: so
    the rows to calibrate on are those at the edges (Gonzalez, "Clustering to minimize the maximum intercluster
    distance", 1985). Distances are of standardised features and target; where rows repeat, fewer are chosen.
    """
    target = [] if table.recipe.output_shape else [table.target]
    known = np.column_stack([table.features, *target])[rows]
    if not known.shape[1]:  # nothing is known of the rows but which they are
        return np.sort(np.random.default_rng(table.recipe.seed).permutation(rows)[: max(1, min(count, len(rows) // 2))])
    points = standardise(known).apply(known).astype(np.float64)
    nearest = np.full(len(points), np.inf)
    chosen = [int(np.square(points).sum(axis=1).argmin())]
    while len(chosen) < min(count, len(rows) // 2):
        nearest = np.minimum(nearest, np.square(points - points[chosen[-1]]).sum(axis=1))
        if not nearest.any():
            break
        chosen.append(int(nearest.argmax()))
    return np.sort(rows[chosen])


def quantise(data: bytes, twin: Int8, feeds: Iterable[Tensors]) -> onnx.ModelProto:
    """The twin of the ONNX file ``data``; ``feeds`` are what a static one takes its ranges from, batch by batch.

    The same graph and rows give the same bytes.
    """
    graph = onnx.load_model_from_string(data)
    prepared = onnx.load_model_from_string(data)
    for number, node in enumerate(prepared.graph.node):
        node.name = f"_node{number}"  # layers are left out by name
    add_pre_process_metadata(prepared)  # or it would recommend, on the root logger, what onnxsim has done
    layers = [node.name for node in prepared.graph.node if node.op_type in LAYERS]
    options: dict[str, Any] = {
        "op_types_to_quantize": list(LAYERS),
        "per_channel": True,
        "weight_type": quantization.QuantType.QInt8,
        "nodes_to_exclude": [layers[{"first": 0, "last": -1}[name]] for name in twin.in_float if layers],
    }
    with TemporaryDirectory() as folder:
        path = Path(folder) / "twin.onnx"
        if twin.mode == "dynamic":
            quantization.quantize_dynamic(prepared, path, **options)
        else:
            # What a layer gives is not rounded: the next one does so, and a score of 8 bits would have 256 values.
            extra = {"OpTypesToExcludeOutputQuantization": list(LAYERS)}
            quantization.quantize_static(
                prepared,
                path,
                _Batches(feeds),
                activation_type=quantization.QuantType.QUInt8,
                extra_options=extra,
                **options,
            )
        made = onnx.load(path)
    return _like(graph, made)


def measure(graph: bytes, twin: bytes, feeds: Iterable[Tensors], output: str, width: float) -> dict[str, float]:
    """How far the ONNX file ``twin`` strays from ``graph`` on ``feeds``: ``FIDELITY``, NaN where that is undefined.

    ``output`` is what both are asked for, ``width`` that of the target range. Raises VerificationError if the twin
    gives no number somewhere.
    """
    sessions = [open_session(data) for data in (graph, twin)]
    given = [[run_rows(session, [output], each)[0].ravel() for session in sessions] for each in feeds]
    one, other = (np.concatenate(parts).astype(np.float64) for parts in zip(*given, strict=True))
    if not np.isfinite(other).all():
        raise VerificationError(f"the int8 twin gives {other[~np.isfinite(other)][0]} for a row of the table")
    plcc = standard_metrics(other, one).values["plcc"]
    difference = np.abs(other - one) / width
    figures = (math.nan if plcc is None else 1 - plcc, float(difference.mean()), float(difference.max()))
    return dict(zip(FIDELITY, figures, strict=True))


class _Batches(quantization.CalibrationDataReader):  # type: ignore[misc] # it has no types
    """Feeds, one by one, as a calibration asks for them."""

    def __init__(self, feeds: Iterable[Tensors]) -> None:
        self._feeds: Iterator[Tensors] = iter(feeds)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """The next of them, None at the end."""
        found = next(self._feeds, None)
        return None if found is None else dict(found)


def _like(graph: onnx.ModelProto, made: onnx.ModelProto) -> onnx.ModelProto:
    """``made`` with the header of ``graph``, and without what the quantiser noted for itself."""
    made.ir_version = graph.ir_version
    made.producer_name, made.producer_version = graph.producer_name, graph.producer_version
    made.graph.name = graph.graph.name
    for field in ("metadata_props", "doc_string"):
        made.ClearField(field)
    made.graph.ClearField("value_info")
    _drop_unused_domains(made)
    for node in made.graph.node:
        node.name = ""
    return made


def _drop_unused_domains(made: onnx.ModelProto) -> None:
    used: Sequence[str] = [node.domain for node in made.graph.node]
    kept = [each for each in made.opset_import if each.domain in {"", *used}]
    del made.opset_import[:]
    made.opset_import.extend(kept)
