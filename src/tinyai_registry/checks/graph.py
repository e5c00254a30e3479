"""What can be wrong with an ONNX graph: read back from the bytes that ship, held against the target runtime."""

from __future__ import annotations

import re
from collections.abc import Iterator

import onnx

from tinyai_registry.checks import operators, sizes, weights
from tinyai_registry.checks.finding import Flaw, Rule, Severity
from tinyai_registry.onnxfile.graph import GraphError, GraphProblem, first_line, parse, signature
from tinyai_registry.onnxfile.protobuf import messages, tensors, texts
from tinyai_registry.onnxfile.runtime import Runtime
from tinyai_registry.onnxfile.weights import External, Outside, external_weights, fill
from tinyai_registry.text import shown

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

# An absolute path (a node may be called /level2/home/Conv), or a line of a traceback: an exporter's notes about the
# machine that it ran on.
_LOCAL = re.compile(r"(?<![\w.-])/(?:home|root|Users|tmp)/|[A-Za-z]:\\|site-packages|\bFile \"|\.py\b")

_RULES = {GraphProblem.NOT_ONNX: NOT_ONNX, GraphProblem.TOO_MANY_PARTS: sizes.GIANT}


def unparsed(error: GraphError) -> Flaw:
    """What is wrong with a file that is no graph."""
    return Flaw(_RULES[error.problem], shown(str(error)))


def flaws(data: bytes, runtime: Runtime) -> Iterator[Flaw]:
    """What is wrong with the ONNX file ``data``, which has to be a model by itself, for ``runtime``."""
    if not 0 < len(data) <= runtime.max_file_bytes:
        yield Flaw(NOT_ONNX, f"{len(data)} bytes; {runtime.name} loads 1 to {runtime.max_file_bytes}")
        return
    try:
        model = parse(data)
    except GraphError as error:
        yield unparsed(error)
        return
    outside = external_weights(model)
    if outside:
        names = ", ".join(shown(each.tensor) for each in outside[:5])
        yield Flaw(weights.UNPINNED, f"weights outside the file, where no digest covers them: {names}")
    yield from structure(model, outside, runtime)


def structure(model: onnx.ModelProto, outside: Outside, runtime: Runtime) -> Iterator[Flaw]:
    """What is wrong with the graph of ``model`` for ``runtime``; ``outside`` are the weights that lie elsewhere."""
    giants = [*sizes.of_weights(outside, runtime), *sizes.of_graph(model)]
    yield from giants
    if not giants:  # the checker would allocate them
        yield from _checked(model, outside)
    if sum(each.domain in ("", "ai.onnx") for each in model.opset_import) != 1:
        yield Flaw(OPSET_IMPORT, "the default domain is not imported exactly once; which opset holds is anyone's guess")
    yield from _input_shapes(model, runtime)
    yield from operators.of_graph(model, runtime)
    yield from _local_names(model)


def _checked(model: onnx.ModelProto, outside: Outside) -> Iterator[Flaw]:
    try:
        whole = _self_contained(model, outside)
        onnx.checker.check_model(whole, full_check=True)
        # What nodes make of constants: the shape that a ConstantOfShape fills is nowhere written down.
        yield from sizes.of_graph(onnx.shape_inference.infer_shapes(whole, data_prop=True))
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, ValueError) as error:
        yield Flaw(CHECKER, f"onnx.checker: {shown(first_line(error))}")


def _self_contained(model: onnx.ModelProto, outside: Outside) -> onnx.ModelProto:
    """``model`` with zeros in place of weights outside, which the checker would look for in the working directory.

    And without its functions, whose calls it would unfold: thirty that call each other twice take it for ever. That
    a node is one is found anyway.
    """
    if not outside and not model.functions:
        return model
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.ClearField("functions")
    sizes_outside = {each.tensor: each.size for each in outside if isinstance(each, External)}
    for tensor in tensors(copy):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            fill(tensor, bytes(sizes_outside.get(tensor.name, 0)))
    return copy


def _input_shapes(model: onnx.ModelProto, runtime: Runtime) -> Iterator[Flaw]:
    for name, shape in signature(model).inputs.items():
        if not runtime.runs(shape):
            what = f"input {shown(name)} has shape {ascii(list(shape))[:200]}, which {runtime.name} does not feed"
            yield Flaw(INPUT_SHAPE, what)


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
