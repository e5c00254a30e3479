"""An ONNX file as a graph: parsed within bounds, or why it cannot be."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from google.protobuf.message import DecodeError

from tinyai_registry.files import File, Unreadable
from tinyai_registry.onnxfile.onnx_messages import ModelProto, SparseTensorProto, TensorProto, ValueInfoProto
from tinyai_registry.onnxfile.protobuf import elements, messages, texts
from tinyai_registry.onnxfile.weights import Outside, external_weights
from tinyai_registry.onnxfile.wire import takes_more_memory

# Beyond the bytes of the file: 130 000 nodes, attributes and tensors, or three million numbers in attributes. Checking
# such a graph takes three seconds and 80 MiB.
MAX_MEMORY = 128 * 2**20
_FLOATS = frozenset({TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16})
_MAX_RANK = 64  # numpy's

# ONNX has two names for the domain of its own operators.
DEFAULT_DOMAIN = frozenset({"", "ai.onnx"})

Shape = tuple[int | str | None, ...]


class GraphProblem(Enum):
    """Why bytes are no graph."""

    NOT_ONNX = "they are no ONNX model"
    TOO_LARGE = "they take more memory than a tiny model"


class GraphError(ValueError):
    """Bytes are no graph: in which way, and in words."""

    def __init__(self, problem: GraphProblem, what: str) -> None:
        super().__init__(what)
        self.problem = problem


@dataclass(frozen=True)
class Signature:
    """What a graph says of itself: its opset in the default domain, and its inputs and outputs by name.

    ``types`` are the element types of both, as ``onnx.TensorProto`` numbers them.
    """

    opset: int | None
    inputs: dict[str, Shape]
    outputs: dict[str, Shape]
    types: dict[str, int]


@dataclass(frozen=True)
class ParsedGraph:
    """An ONNX file, what it holds, and its weights that lie in other files."""

    file: File
    proto: ModelProto
    signature: Signature
    outside: Outside


@dataclass(frozen=True)
class UnparsedGraph:
    """An ONNX file that cannot be read or is empty (``error`` is None), or that is no graph."""

    file: File | Unreadable
    error: GraphError | None = None


Graph = ParsedGraph | UnparsedGraph


def read_graph(file: File | Unreadable) -> Graph:
    """What ``file`` holds, or why that is no graph."""
    if isinstance(file, Unreadable) or not file.data:
        return UnparsedGraph(file)
    try:
        proto = parse(file.data)
    except GraphError as error:
        return UnparsedGraph(file, error)
    return ParsedGraph(file, proto, signature(proto), external_weights(proto))


def parse(data: bytes) -> ModelProto:
    """The model in ``data``. Raises GraphError if there is none, or one that would take too much memory."""
    if takes_more_memory(data, ModelProto.DESCRIPTOR, MAX_MEMORY):
        what = f"its nodes, tensors and attributes would take more than {MAX_MEMORY >> 20} MiB of memory"
        raise GraphError(GraphProblem.TOO_LARGE, what)
    try:
        model: ModelProto = ModelProto.FromString(data)
    except (DecodeError, ValueError) as error:
        raise GraphError(GraphProblem.NOT_ONNX, f"not an ONNX file: {first_line(error)}") from error
    for message in messages(model):
        if isinstance(message, TensorProto | SparseTensorProto) and len(message.dims) > _MAX_RANK:
            raise GraphError(GraphProblem.TOO_LARGE, f"a tensor has {len(message.dims)} dimensions")
        if any(isinstance(text, bytes) for text in texts(message)):
            raise GraphError(GraphProblem.NOT_ONNX, "not an ONNX file: it has a name that is not UTF-8")
    if not model.HasField("graph"):
        raise GraphError(GraphProblem.NOT_ONNX, "not an ONNX file: it has no graph")
    return model


def signature(model: ModelProto) -> Signature:
    """Read from the graph; inputs that are initialisers (weights) are left out."""
    weights = {tensor.name for tensor in model.graph.initializer}
    opsets = [o.version for o in model.opset_import if o.domain in DEFAULT_DOMAIN]
    return Signature(
        opset=opsets[0] if opsets else None,
        inputs={i.name: _shape(i) for i in model.graph.input if i.name not in weights},
        outputs={o.name: _shape(o) for o in model.graph.output},
        types={
            value.name: value.type.tensor_type.elem_type
            for value in (*model.graph.input, *model.graph.output)
            if value.name not in weights
        },
    )


def type_name(number: int) -> str:
    """What ``onnx.TensorProto`` calls the element type of this number."""
    try:
        return str(TensorProto.DataType.Name(number))
    except ValueError:
        return str(number)


def first_line(error: Exception | str) -> str:
    """The first line of what somebody else's code says, its white space folded."""
    return " ".join(str(error).strip().split("\n")[0].split()) or "for no reason that it gives"


def _shape(value: ValueInfoProto) -> Shape:
    return tuple(
        d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in value.type.tensor_type.shape.dim
    )


def count_parameters(model: ModelProto) -> int:
    """How many numbers the initialisers of the main graph hold, but for scalars and integers, which are constants."""
    return sum(elements(t.dims) for t in model.graph.initializer if t.dims and t.data_type in _FLOATS)
