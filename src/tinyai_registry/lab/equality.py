"""Do two ONNX files give the same numbers? Asked of onnxruntime, on drawn inputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime

from tinyai_registry.errors import VerificationError
from tinyai_registry.lab.inference import Feed, draw_inputs, open_session
from tinyai_registry.onnxfile.graph import Signature

SEEDS = range(3)


def require_same_numbers(before: Path, after: bytes, graph: Signature) -> None:
    """Raise VerificationError unless the file ``before``, its weights beside it, and ``after`` agree to the bit.

    ``graph`` is what both say of their inputs, which are drawn.
    """
    try:
        sessions = open_session(str(before)), open_session(after)
        feeds = [draw_inputs(np.random.default_rng(seed), graph) for seed in SEEDS]
        one, other = ([_run(session, list(graph.outputs), feed) for feed in feeds] for session in sessions)
    except Exception as error:
        why = " ".join(str(error).split())[:300]
        raise VerificationError(
            f"{before.name} does not run as it is, so nothing holds a changed one: {why}"
        ) from error
    if one != other:
        raise VerificationError(f"{before.name}: made self-contained it gives other numbers; it stays as it is")


def _run(session: onnxruntime.InferenceSession, outputs: list[str], feed: Feed) -> list[tuple[tuple[int, ...], bytes]]:
    return [(values.shape, values.tobytes()) for values in map(np.asarray, session.run(outputs, dict(feed)))]
