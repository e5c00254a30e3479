"""A model that others made, run as it is: its test vector, by feeding it drawn rows."""

from __future__ import annotations

import math

import numpy as np

from tinyai_registry.errors import VerificationError
from tinyai_registry.lab.inference import Shapes, draw_inputs, open_session
from tinyai_registry.onnxfile.graph import Signature
from tinyai_registry.release import PARITY, Vector

ROWS = 5
_TABLE_RANK = 2


def run_once(name: str, data: bytes, graph: Signature, shapes: Shapes) -> Vector | None:
    """Run the file ``name`` on drawn inputs; the rows as a test vector where it takes rows and gives scores.

    ``shapes`` has the sizes of inputs that leave some open. Raises VerificationError if it does not run, or gives
    anything that is no number.
    """
    sized = {each: _sized(name, each, graph, shapes) for each in graph.inputs}
    feed = draw_inputs(np.random.default_rng(0), graph, sized)
    try:
        given = open_session(data).run(list(graph.outputs), feed)
    except Exception as error:
        raise VerificationError(f"{name} does not run in onnxruntime: {str(error).splitlines()[0][:300]}") from error
    outputs = dict(zip(graph.outputs, map(np.asarray, given), strict=True))
    for output, values in outputs.items():
        if values.size == 0 or not np.isfinite(values).all():
            raise VerificationError(f"{name}: on numbers from 0 to 1 its output {output} is empty or no number")
    scores = {output: values for output, values in outputs.items() if values.size == len(values)}
    if len(scores) < len(outputs) or any(len(shape) != _TABLE_RANK for shape in sized.values()):
        return None
    width = max(float(np.ptp(values)) for values in scores.values())
    return Vector(
        inputs={each: _shortest(values) for each, values in feed.items()},
        outputs={output: _shortest(values.ravel()) for output, values in scores.items()},
        tolerance=PARITY * (width if width > 0 and math.isfinite(width) else 1.0),
    )


def _sized(name: str, tensor: str, graph: Signature, shapes: Shapes) -> list[int]:
    """The shape to feed ``tensor``: as the graph has it, the batch that it leaves open, and what ``shapes`` says."""
    shape = graph.inputs[tensor]
    if tensor in shapes:
        wanted = list(shapes[tensor])
        fits = zip(wanted, shape, strict=False)
        if len(wanted) != len(shape) or any(isinstance(size, int) and size != here for here, size in fits):
            raise VerificationError(f"{name}: --shape {tensor}={wanted} is none that {list(shape)} allows")
        return wanted
    open_axes = [str(size or "?") for axis, size in enumerate(shape) if axis and not isinstance(size, int)]
    if open_axes:
        example = ",".join(
            str(size) if isinstance(size, int) else "1" if not k else "64" for k, size in enumerate(shape)
        )
        raise VerificationError(
            f"{name}: input {tensor} leaves {', '.join(open_axes)} open; say a size to try: --shape {tensor}={example}"
        )
    rows = ROWS if len(shape) == _TABLE_RANK else 1
    return [size if isinstance(size, int) else rows for size in shape]


def _shortest(values: np.ndarray) -> list:  # type: ignore[type-arg]
    short: list = values.astype(str).astype(np.float64).tolist()  # type: ignore[type-arg]
    return short
