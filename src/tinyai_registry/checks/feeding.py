"""What keeps the target runtime's command from feeding a model by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tinyai_registry.checks.finding import Finding, Rule, Severity
from tinyai_registry.checks.reading import Document
from tinyai_registry.checks.subject import Subject
from tinyai_registry.documents import c_reader
from tinyai_registry.documents.c_reader import Reading
from tinyai_registry.onnxfile.graph import Shape
from tinyai_registry.onnxfile.runtime import Runtime
from tinyai_registry.text import shown

NOT_FED = Rule(
    "TAI514",
    Severity.WARNING,
    "the runtime cannot feed this model",
    "The runtime's command fills the inputs of a model itself: a frame of fixed size, or features by the names in the "
    "sidecar, and the block of the codec. A model that asks for anything else it refuses. Whoever opens a session of "
    "the library and fills the inputs can still run it.",
    "Export with the sizes fixed, name one feature for each value of the first input, and as many encoders as the "
    "second has room for. A model that only code of its own feeds is excused with `--ignore TAI514`.",
)
NO_EXTRACTOR = Rule(
    "TAI515",
    Severity.INFO,
    "the runtime has no extractor for a feature of this model",
    "The runtime's command finds the features of a model by the names in `feature_order`, and refuses one that names a "
    "feature which none of its extractors writes.",
    "Nothing, if other callers feed the model; else train one on features that the runtime extracts.",
)

_TABLE_RANK = 2


def of_model(model: Subject, runtime: Runtime) -> Iterator[Finding]:
    """Whether the command of ``runtime`` can feed ``model``; a filter is fed by code of its own."""
    if not isinstance(model.sidecar, Document) or len(model.sidecar.text.encode()) > runtime.sidecar.max_bytes:
        return
    reading = c_reader.read(model.sidecar.text, runtime)
    if reading is None:
        what = f"{runtime.name} refuses the sidecar: its codec keys do not say how a codec becomes figures"
        yield model.in_sidecar(NOT_FED, what)
    elif model.parsed is not None and reading.kind != "filter":
        yield from _of_inputs(model, list(model.parsed.signature.inputs.items()), reading, runtime)


def _of_inputs(
    model: Subject, inputs: Sequence[tuple[str, Shape]], reading: Reading, runtime: Runtime
) -> Iterator[Finding]:
    if not all(runtime.runs(shape) for _, shape in inputs):
        return  # the graph has a finding already
    order = next((f"/{key}" for key in ("feature_order", "features") if key in model.said), "")
    is_table = bool(inputs) and len(inputs[0][1]) == _TABLE_RANK
    strange = [name for name in reading.feature_order if is_table and name not in runtime.command.extractors]
    if strange:
        known = ", ".join(map(shown, strange[:5])) + (f" and {len(strange) - 5} more" if strange[5:] else "")
        yield model.in_sidecar(NO_EXTRACTOR, f"no extractor of {runtime.name} writes {known}", order)
        return  # it was made for callers that know these
    vocabulary = "/encoder_vocab" if "encoder_vocab" in model.said else ""
    yield from (model.in_sidecar(NOT_FED, what) for what in _shapes(inputs, runtime))
    yield from (model.in_sidecar(NOT_FED, what, order) for what in _features(inputs, reading, runtime))
    yield from (model.in_sidecar(NOT_FED, what, vocabulary) for what in _further(inputs, reading, runtime))


def _shapes(inputs: Sequence[tuple[str, Shape]], runtime: Runtime) -> Iterator[str]:
    for name, shape in inputs:
        if not runtime.command.feeds(shape):
            shape_shown = ascii(list(shape))[:200]
            yield f"input {shown(name)} has shape {shape_shown}; the command of {runtime.name} feeds none such"


def _features(inputs: Sequence[tuple[str, Shape]], reading: Reading, runtime: Runtime) -> Iterator[str]:
    shape, command = inputs[0][1] if inputs else (), runtime.command
    if len(shape) != _TABLE_RANK or not command.feeds(shape):
        return
    width, names = shape[1], reading.feature_order or command.without_names
    if isinstance(width, int) and width > command.max_features:
        yield f"the first input takes {width} features; {runtime.name} feeds {command.max_features}"
    elif len(names) != width:
        yield f"the first input takes {width} features; {runtime.name} reads {len(reading.feature_order)} names"


def _further(inputs: Sequence[tuple[str, Shape]], reading: Reading, runtime: Runtime) -> Iterator[str]:
    beyond, is_table = runtime.command.beyond_vocabulary, bool(inputs) and len(inputs[0][1]) == _TABLE_RANK
    most = 2 if is_table and beyond is not None else 1
    if not 0 < len(inputs) <= most:
        yield f"the graph has {len(inputs)} inputs; {runtime.name} feeds {most}"
    elif beyond is not None:
        for name, shape in inputs[1:]:
            wanted = len(reading.encoder_vocab) + beyond
            if shape[-1] != wanted:
                what = f"{len(reading.encoder_vocab)} encoders, as {runtime.name} reads them, and {beyond} figures"
                yield f"input {shown(name)} is {shown(str(shape[-1]))} wide; {what} make {wanted}"
