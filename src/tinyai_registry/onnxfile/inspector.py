"""Asks ONNX's native code about graphs, in a process apart: it crashes of some, and of others never ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tinyai_registry.onnxfile.child import Child, ChildError

# The largest model that a runtime loads, 50 MiB, is checked in a second or two, and takes a third of this memory.
SECONDS = 10.0
MEMORY = 2**30
_ANSWERER = Path(__file__).with_name("inspection.py")

Dims = Sequence[int | None]


@dataclass(frozen=True)
class Inspection:
    """Why the checker refuses a model, else the shapes of the tensors that its nodes make, in subgraphs too.

    None stands for a dimension, or a shape, that depends on what the model is fed; the open dimensions of inputs are
    taken for 64.
    """

    refusal: str | None
    shapes: Sequence[tuple[str, Dims | None]]


class Inspector:
    """Inspects one model after the other, in one process; it is there while the context lasts."""

    def __init__(self) -> None:
        self._child = Child(_ANSWERER, MEMORY)

    def __enter__(self) -> Self:
        self._child.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._child.__exit__(kind, error, at)

    def inspect(self, model: bytes) -> Inspection:
        """What the native code says of a serialized model.

        Raises ChildError if that code crashes, or takes too much time or memory.
        """
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
