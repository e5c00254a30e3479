"""A model that others made, run as it is: its test vector, by feeding it drawn rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tinyai_registry.errors import VerificationError
from tinyai_registry.lab.inference import Shapes, draw_inputs, open_session
from tinyai_registry.lab.noise import draw
from tinyai_registry.lab.verification import sample, shortest
from tinyai_registry.onnxfile.graph import Signature
from tinyai_registry.release import PARITY, Sampled, Vector

ROWS = 5
_TABLE_RANK = 2


def run_once(name: str, data: bytes, graph: Signature, shapes: Shapes) -> Vector | None:
    """Run the file ``name`` on drawn rows, and on noise for what is no row; what it gives is its test vector.

    None where an input or an output is not float32, which no test vector holds. ``shapes`` has the sizes of inputs that
    leave some open. Raises VerificationError if it does not run, or gives anything that is no number.
    """
    sized = {each: _sized(name, each, graph, shapes) for each in graph.inputs}
    feed = draw_inputs(np.random.default_rng(0), graph, sized)
    arrays = {each: shape for each, shape in sized.items() if len(shape) != _TABLE_RANK}
    made = {each: draw(tuple(shape), seed, 0.0, 1.0) for seed, (each, shape) in enumerate(arrays.items())}
    floats = all(values.dtype == np.float32 for values in feed.values())
    feed |= {each: values for each, (_, values) in made.items()} if floats else {}
    try:
        given = open_session(data).run(list(graph.outputs), dict(feed))
    except Exception as error:
        raise VerificationError(f"{name} does not run in onnxruntime: {str(error).splitlines()[0][:300]}") from error
    outputs = dict(zip(graph.outputs, map(np.asarray, given), strict=True))
    for output, values in outputs.items():
        if values.size == 0 or not np.isfinite(values).all():
            raise VerificationError(f"{name}: on numbers from 0 to 1 its output {output} is empty or no number")
    if not floats or any(values.dtype != np.float32 or not values.ndim for values in outputs.values()):
        return None
    width = max(float(np.ptp(values)) for values in outputs.values())
    return Vector(
        inputs={each: made[each][0] if each in made else shortest(values) for each, values in feed.items()},
        outputs={output: _told(values) for output, values in outputs.items()},
        tolerance=PARITY * (width if width > 0 else 1.0),
    )


def _told(values: NDArray[np.float32]) -> Sequence[float] | Sampled:
    """A score for each row, in either rank; of anything else some values."""
    is_score = values.shape in {(len(values),), (len(values), 1)}
    return shortest(values.ravel()) if is_score else sample(values)


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
