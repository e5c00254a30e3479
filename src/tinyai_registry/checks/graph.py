"""What can be wrong with an ONNX graph: read back from the bytes that ship, held against the target runtime."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from google.protobuf.message import Message

from tinyai_registry.checks import local_names, operators, sizes, weights
from tinyai_registry.checks.finding import Flaw, Rule, Severity
from tinyai_registry.onnxfile.child import ChildError
from tinyai_registry.onnxfile.graph import (
    DEFAULT_DOMAIN,
    GraphError,
    GraphProblem,
    first_line,
    parse,
    signature,
    type_name,
)
from tinyai_registry.onnxfile.inspector import Inspector
from tinyai_registry.onnxfile.onnx_messages import ModelProto, TensorProto
from tinyai_registry.onnxfile.protobuf import messages, tensors
from tinyai_registry.onnxfile.runtime import Runtime
from tinyai_registry.onnxfile.weights import External, Outside, external_weights, fill
from tinyai_registry.text import shorten

NOT_ONNX = Rule(
    "TAI401",
    "not-onnx",
    Severity.ERROR,
    "a file is no ONNX model",
    "Nothing can load it: it was cut short, is a pointer to a file that was never fetched, or something else "
    "altogether.",
    "Restore the file, or publish the model again.",
)
CHECKER = Rule(
    "TAI402",
    "onnx-checker",
    Severity.ERROR,
    "onnx.checker refuses the graph",
    "The graph breaks the ONNX specification, or its shapes contradict each other; runtimes refuse it, or read it "
    "each in their own way.",
    "Export the model again; the message is the checker's own.",
)
OPSET = Rule(
    "TAI403",
    "wrong-opset",
    Severity.ERROR,
    "the opset is not the graph's",
    "An opset that was typed instead of read tells a runtime that it can load what it cannot, and means other "
    "operators.",
    "Write what the graph says; `tinyai migrate` and `tinyai refresh` read it from there.",
)
INPUT_SHAPE = Rule(
    "TAI410",
    "input-shape",
    Severity.ERROR,
    "an input has a shape that the runtime does not feed",
    "The target runtime feeds frames [1|N, 1, H, W] or feature vectors [1|N, F], nothing else.",
    "Export the model with such an input. A model that is only ever fed by code of its own is excused in "
    '`tinyai.toml`: below `[validate.MODEL]`, `TAI410 = "why"`.',
)
OPSET_IMPORT = Rule(
    "TAI412",
    "opset-imports",
    Severity.ERROR,
    "the graph imports the default opset twice, or not at all",
    "Then which version of an operator is meant is anyone's guess.",
    "Export the model again.",
)

NOT_SURVIVED = Rule(
    "TAI415",
    "checker-crash",
    Severity.ERROR,
    "onnx.checker does not survive the graph",
    "The native code that checks a graph and infers its shapes crashed, or took more time or memory than a tiny model "
    "needs. It runs in a process apart, so everything else was checked nonetheless.",
    "Do not load the model anywhere before you know where it comes from; export it again.",
)
INPUT_TYPE = Rule(
    "TAI416",
    "input-type",
    Severity.ERROR,
    "an input has a type that the runtime does not feed",
    "The target runtime feeds numbers in float32, and converts them to float16 where a model asks for that. It has no "
    "double, no integers and no strings.",
    "Export the model with float32 inputs, and cast inside the graph.",
)
IR_VERSION = Rule(
    "TAI417",
    "ir-version",
    Severity.ERROR,
    "the runtime does not read the IR version of the file",
    "The version says how the file itself is to be read. A runtime refuses a newer one, whatever the operators are.",
    "Save the model with a version that the message names (`model.ir_version = 10` before `onnx.save`).",
)

_RULES = {GraphProblem.NOT_ONNX: NOT_ONNX, GraphProblem.TOO_LARGE: sizes.GIANT}


def of_error(error: GraphError) -> Flaw:
    """What is wrong with a file that is no graph."""
    return Flaw(_RULES[error.problem], shorten(str(error)))


def flaws(data: bytes, runtime: Runtime, inspector: Inspector) -> Iterator[Flaw]:
    """What is wrong with the ONNX file ``data``, which has to be a model by itself, for ``runtime``."""
    if not 0 < len(data) <= runtime.max_file_bytes:
        yield Flaw(NOT_ONNX, f"{len(data)} bytes; {runtime.name} loads 1 to {runtime.max_file_bytes}")
        return
    try:
        model = parse(data)
    except GraphError as error:
        yield of_error(error)
        return
    outside = external_weights(model)
    if outside:
        names = ", ".join(shorten(each.tensor) for each in outside[:5])
        yield Flaw(weights.UNPINNED, f"weights outside the file, where no digest covers them: {names}")
    yield from structure(model, outside, runtime, inspector)


def structure(model: ModelProto, outside: Outside, runtime: Runtime, inspector: Inspector) -> Iterator[Flaw]:
    """What is wrong with the graph of ``model`` for ``runtime``; ``outside`` are the weights that lie elsewhere."""
    parts = list(messages(model))
    giants = [*sizes.of_weights(outside, runtime), *sizes.of_parts(parts)]
    yield from giants
    if not giants:  # the checker would allocate them
        yield from _inspect(model, parts, outside, inspector)
    if model.ir_version not in runtime.ir_versions:
        known = f"{min(runtime.ir_versions)} to {max(runtime.ir_versions)}"
        yield Flaw(IR_VERSION, f"the file has IR version {model.ir_version}; {runtime.name} reads {known}")
    if sum(each.domain in DEFAULT_DOMAIN for each in model.opset_import) != 1:
        yield Flaw(OPSET_IMPORT, "the default domain is not imported exactly once; which opset holds is anyone's guess")
    yield from _inputs(model, runtime)
    yield from operators.of_graph(model, runtime)
    yield from local_names.of_parts(parts)


def _inspect(model: ModelProto, parts: Sequence[Message], outside: Outside, inspector: Inspector) -> Iterator[Flaw]:
    try:
        found = inspector.inspect(_self_contained(model, outside).SerializeToString())
    except ChildError as error:
        yield Flaw(NOT_SURVIVED, f"the process that runs onnx.checker on it {error}")
        return
    if found.refusal is None:
        yield from sizes.of_inspection(found, parts)
    else:
        yield Flaw(CHECKER, f"onnx.checker: {shorten(first_line(found.refusal))}")


def _self_contained(model: ModelProto, outside: Outside) -> ModelProto:
    """A copy of ``model`` that the checker can read alone: zeros replace weights outside, and functions are left out.

    The checker inlines functions, and thirty that call each other twice take it for ever; ``operators`` refuses them
    anyway.
    """
    if not outside and not model.functions:
        return model
    copy = ModelProto()
    copy.CopyFrom(model)
    copy.ClearField("functions")
    sizes_outside = {each.tensor: each.size for each in outside if isinstance(each, External)}
    for tensor in tensors(copy):
        if tensor.data_location == TensorProto.EXTERNAL:
            fill(tensor, bytes(sizes_outside.get(tensor.name, 0)))
    return copy


def _inputs(model: ModelProto, runtime: Runtime) -> Iterator[Flaw]:
    found = signature(model)
    for name, shape in found.inputs.items():
        kind = type_name(found.types[name])
        if kind not in runtime.input_types:
            yield Flaw(INPUT_TYPE, f"input {shorten(name)} is of type {kind}, which {runtime.name} does not feed")
        if not runtime.runs(shape):
            what = f"input {shorten(name)} has shape {shorten(str(list(shape)), 200)}"
            yield Flaw(INPUT_SHAPE, f"{what}, which {runtime.name} does not feed")
