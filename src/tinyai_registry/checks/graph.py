"""What can be wrong with an ONNX graph: read back from the bytes that ship, held against the target runtime."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import onnx
from google.protobuf.message import DecodeError, Message
from onnx import numpy_helper
from onnx.external_data_helper import uses_external_data

from tinyai_registry.checks import weights
from tinyai_registry.checks.files import shown
from tinyai_registry.checks.finding import Flaw, Rule, Severity
from tinyai_registry.checks.protobuf import elements, messages, tensors, texts
from tinyai_registry.checks.runtime import Runtime
from tinyai_registry.checks.weights import External, Outside
from tinyai_registry.checks.wire import has_more_fields

NOT_ONNX = Rule(
    "TAI401",
    Severity.ERROR,
    "a file is no ONNX model",
    "Nothing can load it: it was cut short, is a pointer to a file that was never fetched, or something else "
    "altogether.",
    "Restore the file, or publish the model again.",
)
CHECKER = Rule(
    "TAI402",
    Severity.ERROR,
    "onnx.checker refuses the graph",
    "The graph breaks the ONNX specification, or its shapes contradict each other; runtimes refuse it, or read it "
    "each in their own way.",
    "Export the model again; the message is the checker's own.",
)
OPSET = Rule(
    "TAI403",
    Severity.ERROR,
    "the opset is not the graph's",
    "An opset that was typed instead of read tells a runtime that it can load what it cannot, and means other "
    "operators.",
    "Write what the graph says; `tinyai migrate` and `tinyai refresh` read it from there.",
)
OPERATOR = Rule(
    "TAI404",
    Severity.ERROR,
    "an operator is not one that the runtime takes",
    "The target runtime goes through every node, subgraphs included, and refuses the model at the first operator that "
    "is not on its list.",
    "Export the model without it. An int8 file with DynamicQuantizeLinear needs another profile of the runtime; "
    "QuantizeLinear and DequantizeLinear are taken.",
)
DOMAIN = Rule(
    "TAI405",
    Severity.ERROR,
    "an operator comes from a domain that the runtime does not take",
    "`evil.custom::Relu` is not Relu: an operator is known by its domain and its name, and another domain needs a "
    "library of its own to run.",
    "Export the model with operators of the default ONNX domain.",
)
FUNCTION = Rule(
    "TAI406",
    Severity.ERROR,
    "an operator is a function that the model brings along",
    "A model-local function can give any name to any body, so a list of names says nothing about it.",
    "Inline the functions before export (`onnx.inliner.inline_local_functions`).",
)
DEPTH = Rule(
    "TAI407",
    Severity.ERROR,
    "subgraphs are nested more deeply than the runtime goes",
    "The runtime's check stops there and refuses the model.",
    "Flatten the control flow.",
)
LOOPS = Rule(
    "TAI408",
    Severity.ERROR,
    "the graph has more loops than the runtime takes",
    "Loops make the time that a model takes unbounded.",
    "Unroll them.",
)
OPERATOR_NAME = Rule(
    "TAI409",
    Severity.ERROR,
    "an operator's name is longer than the runtime reads",
    "The runtime copies names into a buffer of fixed size and refuses longer ones.",
    "No operator of ONNX has such a name; export the model again.",
)
INPUT_SHAPE = Rule(
    "TAI410",
    Severity.ERROR,
    "an input has a shape that the runtime does not feed",
    "The target runtime feeds frames [1|N, 1, H, W] or feature vectors [1|N, F], nothing else.",
    "Export the model with such an input. A model that is only ever fed by code of its own can be excused with "
    "`--ignore TAI410`.",
)
LOCAL_NAME = Rule(
    "TAI411",
    Severity.ERROR,
    "the graph names something of the machine that made it",
    "Exporters leave source paths and stack traces in the metadata of nodes. They tell strangers about people and "
    "machines, and change the bytes from one machine to the next.",
    "Clear `metadata_props` and `doc_string` of the nodes before saving; `tinyai refresh` exports without them.",
)
OPSET_IMPORT = Rule(
    "TAI412",
    Severity.ERROR,
    "the graph imports the default opset twice, or not at all",
    "Then which version of an operator is meant is anyone's guess.",
    "Export the model again.",
)
GIANT = Rule(
    "TAI413",
    Severity.ERROR,
    "a tensor, or a graph, is larger than anything a tiny model has",
    "A shape costs a few bytes to write and all the memory of the machine to allocate; so do a million empty nodes.",
    "Export the model with the shapes and the nodes that it needs.",
)
UNBOUNDED = Rule(
    "TAI414",
    Severity.ERROR,
    "a loop has no bound",
    "A Loop without a trip count, or with one that nobody could wait for, runs until its own condition stops it: on "
    "some input that may be never, and whoever runs the model hangs.",
    "Give the loop the trip count that it needs, or unroll it.",
)

# An absolute path, or a line of a traceback: an exporter's notes about the machine that it ran on.
_LOCAL = re.compile(r"/(?:home|root|Users|tmp)/|[A-Za-z]:\\|site-packages|\bFile \"|\.py\b")
# 4 GiB of float32; a frame of 8K video has 2^25 values.
_GIANT = 2**30
# A node of a graph has about ten; a parser turns each, of two bytes, into a hundred bytes.
_MANY_FIELDS = 100_000
# Which inputs of an operator are the shape that it fills, or how many times larger it becomes.
_SHAPE_INPUTS = {"ConstantOfShape": (0,), "Expand": (1,), "Resize": (2, 3)}
# Rows of a frame of 8K video, twice: a loop of more steps goes over nothing that a tiny model is fed.
_MOST_TRIPS = 10_000
_MOST_DIMS = 64

Shape = tuple[int | str | None, ...]


@dataclass(frozen=True)
class Signature:
    """What a graph says of itself: its opset in the default domain, and its inputs and outputs by name.

    ``types`` are the element types of both, as ``onnx.TensorProto`` numbers them.
    """

    opset: int | None
    inputs: dict[str, Shape]
    outputs: dict[str, Shape]
    types: dict[str, int]


def signature(model: onnx.ModelProto) -> Signature:
    """Read from the graph; inputs that are initialisers (weights) are left out."""
    weights = {tensor.name for tensor in model.graph.initializer}
    opsets = [o.version for o in model.opset_import if o.domain in ("", "ai.onnx")]
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


def parsed(data: bytes) -> onnx.ModelProto | Flaw:
    """The model in ``data``, or why there is none."""
    if has_more_fields(data, onnx.ModelProto.DESCRIPTOR, _MANY_FIELDS):
        return Flaw(GIANT, f"its parts are more than {_MANY_FIELDS}")
    try:
        model = onnx.load_model_from_string(data)
    except (DecodeError, ValueError) as error:
        return Flaw(NOT_ONNX, f"not an ONNX file: {_line(str(error))}")
    if any(isinstance(text, bytes) for message in messages(model) for text in texts(message)):
        return Flaw(NOT_ONNX, "not an ONNX file: it has a name that is not UTF-8")
    if not model.HasField("graph"):
        return Flaw(NOT_ONNX, "not an ONNX file: it has no graph")
    return model


def flaws(data: bytes, runtime: Runtime) -> Iterator[Flaw]:
    """What is wrong with the ONNX file ``data``, which has to be a model by itself, for ``runtime``."""
    if not 0 < len(data) <= runtime.max_file_bytes:
        yield Flaw(NOT_ONNX, f"{len(data)} bytes; {runtime.name} loads 1 to {runtime.max_file_bytes}")
        return
    model = parsed(data)
    if isinstance(model, Flaw):
        yield model
        return
    outside = weights.external(model)
    if outside:
        names = ", ".join(each.tensor if isinstance(each, External) else each.message for each in outside[:5])
        yield Flaw(weights.UNPINNED, f"weights outside the file, where no digest covers them: {names}")
    yield from structure(model, outside, runtime)


def structure(model: onnx.ModelProto, outside: Outside, runtime: Runtime) -> Iterator[Flaw]:
    """What is wrong with the graph of ``model`` for ``runtime``; ``outside`` are the weights that lie elsewhere."""
    giants = [*_giant_weights(outside, runtime), *_giants(model)]
    yield from giants
    if not giants:  # the checker would allocate them
        yield from _checked(model, outside)
    if sum(each.domain in ("", "ai.onnx") for each in model.opset_import) != 1:
        yield Flaw(OPSET_IMPORT, "the default domain is not imported exactly once; which opset holds is anyone's guess")
    yield from _input_shapes(model, runtime)
    yield from _operators(model, runtime)
    yield from _local_names(model)


def _checked(model: onnx.ModelProto, outside: Outside) -> Iterator[Flaw]:
    try:
        whole = _self_contained(model, outside)
        onnx.checker.check_model(whole, full_check=True)
        # What nodes make of constants: the shape that a ConstantOfShape fills is nowhere written down.
        yield from _giants(onnx.shape_inference.infer_shapes(whole, data_prop=True))
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, ValueError) as error:
        yield Flaw(CHECKER, f"onnx.checker: {_line(str(error))}")


def _self_contained(model: onnx.ModelProto, outside: Outside) -> onnx.ModelProto:
    """``model`` with zeros in place of weights outside, which the checker would look for in the working directory.

    And without its functions, whose calls it would unfold: thirty that call each other twice take it for ever. That
    a node is one is found anyway.
    """
    sizes = {each.tensor: each.size for each in outside if isinstance(each, External)}
    if not sizes and not model.functions:
        return model
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.ClearField("functions")
    for tensor in tensors(copy):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            tensor.raw_data = bytes(sizes.get(shown(tensor.name), 0))
            tensor.ClearField("data_location")
            tensor.ClearField("external_data")
    return copy


def _giant_weights(outside: Outside, runtime: Runtime) -> Iterator[Flaw]:
    size = sum(each.size for each in outside if isinstance(each, External))
    if size > runtime.max_file_bytes:
        yield Flaw(GIANT, f"the weights outside take {size} bytes; {runtime.name} loads {runtime.max_file_bytes}")


def _giants(model: onnx.ModelProto) -> Iterator[Flaw]:
    parts = list(messages(model))
    for dims in (*_declared(parts), *_filled(parts)):
        size = elements(map(abs, dims))
        if size > _GIANT:
            yield Flaw(GIANT, f"a tensor has the shape {dims[:8]}, over {_GIANT} values")
            return


def _declared(parts: Sequence[Message]) -> Iterator[list[int]]:
    for message in parts:
        if isinstance(message, onnx.TensorProto):
            yield list(message.dims)
        elif isinstance(message, onnx.TypeProto.Tensor):
            yield [d.dim_value for d in message.shape.dim if d.HasField("dim_value")]


def _filled(parts: Sequence[Message]) -> Iterator[list[int]]:
    """The shapes that nodes fill whose size is a constant, in subgraphs too, where shape inference does not follow."""
    nodes, constants = _constants(parts)
    for node in nodes:
        for at in _SHAPE_INPUTS.get(node.op_type, ()):
            yield _integers(constants.get(node.input[at])) if at < len(node.input) else []
        if node.op_type == "Pad" and len(node.input) > 1:
            yield [sum(map(abs, _integers(constants.get(node.input[1]))))]


def _constants(parts: Sequence[Message]) -> tuple[list[onnx.NodeProto], dict[str, onnx.TensorProto]]:
    """The nodes among ``parts``, and by name the tensors that they are fed and that are known."""
    nodes = [each for each in parts if isinstance(each, onnx.NodeProto)]
    constants = {each.name: each for each in parts if isinstance(each, onnx.TensorProto)}
    constants |= {node.output[0]: a.t for node in nodes for a in node.attribute if a.name == "value" and node.output}
    return nodes, constants


def _integers(tensor: onnx.TensorProto | None) -> list[int]:
    """The first values of ``tensor``; none if it is not there to be read."""
    if tensor is None or uses_external_data(tensor):
        return []
    with suppress(TypeError, ValueError, OverflowError):  # one that does not hold together is the checker's business
        return [int(value) for value in numpy_helper.to_array(tensor).ravel()[:_MOST_DIMS]]
    return []


def _unbounded(loops: Sequence[onnx.NodeProto], constants: Mapping[str, onnx.TensorProto]) -> Iterator[Flaw]:
    for node in loops:
        trips = node.input[0] if node.input else ""
        if not trips or max(_integers(constants.get(trips)), default=0) > _MOST_TRIPS:
            what = f"has a trip count over {_MOST_TRIPS}" if trips else "has no trip count"
            yield Flaw(UNBOUNDED, f"the loop {shown(node.name or ' '.join(node.output))} {what}")


def _shape(value: onnx.ValueInfoProto) -> Shape:
    return tuple(
        d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in value.type.tensor_type.shape.dim
    )


def _input_shapes(model: onnx.ModelProto, runtime: Runtime) -> Iterator[Flaw]:
    for name, shape in signature(model).inputs.items():
        fixed = runtime.input_shapes.get(len(shape))
        one_or_any = not isinstance(shape[0], int) or shape[0] == 1 if shape else False
        if fixed is None or not one_or_any or any(w not in (-1, h) for w, h in zip(fixed, shape, strict=True)):
            what = f"input {shown(name)} has shape {ascii(list(shape))[:200]}, which {runtime.name} does not feed"
            yield Flaw(INPUT_SHAPE, what)


def _operators(model: onnx.ModelProto, runtime: Runtime) -> Iterator[Flaw]:
    # A model-local function can define any name in any domain, so its nodes count like the graph's.
    bodies = [model.graph.node, *(function.node for function in model.functions)]
    nodes = [found for body in bodies for found in _nodes(body, 0)]
    local = {(function.domain, function.name) for function in model.functions}
    refused: dict[tuple[Rule, str], list[str]] = defaultdict(list)
    for node, depth in nodes:
        for rule, what in _refusals(node, depth, local, runtime):
            refused[rule, what].append(node.name or (node.output[0] if node.output else ""))
    for (rule, what), names in refused.items():
        where = f" (node {shown(names[0])})" if names[0] else ""
        yield Flaw(rule, what + (f" ({len(names)} nodes, first {shown(names[0])})" if names[1:] else where))
    loops = [node for node, _ in nodes if node.op_type == "Loop"]
    if len(loops) > runtime.max_loop_nodes:
        yield Flaw(LOOPS, f"{len(loops)} Loop nodes; {runtime.name} takes {runtime.max_loop_nodes}")
    if loops:
        yield from _unbounded(loops, _constants(list(messages(model)))[1])


def _refusals(
    node: onnx.NodeProto, depth: int, local: set[tuple[str, str]], runtime: Runtime
) -> Iterator[tuple[Rule, str]]:
    operator = shown(f"{node.domain}::{node.op_type}" if node.domain else node.op_type)
    length = len(node.op_type.encode())
    if length > runtime.max_operator_name_bytes:
        limit = runtime.max_operator_name_bytes
        yield OPERATOR_NAME, f"an operator's name has {length} bytes; {runtime.name} reads {limit}"
    elif (node.domain, node.op_type) in local:
        yield FUNCTION, f"operator {operator} is a model-local function, which {runtime.name} does not take"
    elif node.domain not in runtime.domains:
        yield DOMAIN, f"operator {operator} is of a domain that {runtime.name} does not take"
    elif node.op_type not in runtime.operators:
        yield OPERATOR, f"operator {operator} is not one that {runtime.name} takes"
    if depth > runtime.max_subgraph_depth:
        limit = runtime.max_subgraph_depth
        yield DEPTH, f"operator {operator} is {depth} subgraphs deep; {runtime.name} goes to {limit}"


def _nodes(body: Iterable[onnx.NodeProto], depth: int) -> Iterator[tuple[onnx.NodeProto, int]]:
    for node in body:
        yield node, depth
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                yield from _nodes(graph.node, depth + 1)


def _local_names(model: onnx.ModelProto) -> Iterator[Flaw]:
    for message in messages(model):
        words = [str(text) for text in texts(message)]
        if isinstance(message, onnx.AttributeProto):
            words += [each.decode(errors="replace") for each in (message.s, *message.strings)]
        for text in words:
            found = _LOCAL.search(text)
            if found:
                yield Flaw(LOCAL_NAME, f"the graph names something of the machine that made it: {found.group()!r}")
                return


def _line(text: str) -> str:
    """Of anyone's words, which may have line breaks and worse in them, what fits a message."""
    return shown(" ".join(text.strip().split("\n")[0].split())) or "for no reason that it gives"
