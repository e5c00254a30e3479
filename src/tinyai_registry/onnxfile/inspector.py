"""Runs ONNX's checker and shape inference in a child process: some graphs crash them, with others they never end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tinyai_registry.onnxfile.child import Child, ChildError

# A model of 50 MiB, the largest that a runtime loads, takes a second or two and a third of this memory.
SECONDS = 10.0
MEMORY = 2**30
_ANSWERER = Path(__file__).with_name("inspection.py")

Dims = Sequence[int | None]


@dataclass(frozen=True)
class Inspection:
    """Why the checker refuses a model (``refusal``), or the inferred shapes of its tensors, in subgraphs too.

    None stands for a dimension or a shape that depends on values at run time. Open dimensions of inputs count as 64.
    """

    refusal: str | None
    shapes: Sequence[tuple[str, Dims | None]]


class Inspector:
    """Inspects models, one after the other, in one child process, which lives as long as the context."""

    def __init__(self) -> None:
        self._child = Child(_ANSWERER, MEMORY)

    def __enter__(self) -> Self:
        self._child.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._child.__exit__(kind, error, at)

    def inspect(self, model: bytes) -> Inspection:
        """Inspect a serialized model. Raises ChildError if this crashes, or takes too much time or memory."""
        said = self._child.ask([model], SECONDS)
        try:
            shapes = [(str(name), None if dims is None else _dims(dims)) for name, dims in said["shapes"]]
            return Inspection(None if said["refusal"] is None else str(said["refusal"]), shapes)
        except (KeyError, TypeError, ValueError) as error:
            raise ChildError("gave an answer that makes no sense") from error


def _dims(said: object) -> Dims:
    if not isinstance(said, list) or any(dim is not None and type(dim) is not int for dim in said):
        raise TypeError(said)
    return said
