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
    "The runtime's command fills the inputs of a model itself: a frame, or features that its extractors write under "
    "the names in the sidecar, and the block of the codec. A model that asks for anything else it refuses. Whoever "
    "opens a session of the library and fills the inputs can still run it.",
    "Export with the sizes fixed, and name in `feature_order` what extractors write, one name for each value of the "
    "first input. A model that only code of its own feeds is excused with `--ignore TAI514`.",
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
        inputs = list(model.parsed.signature.inputs.items())
        if all(runtime.runs(shape) for _, shape in inputs):  # else the graph has a finding already
            for pointer, what in _obstacles(inputs, reading, runtime):
                yield model.in_sidecar(NOT_FED, what, pointer if pointer[1:] in model.said else "")


def _obstacles(inputs: Sequence[tuple[str, Shape]], reading: Reading, runtime: Runtime) -> Iterator[tuple[str, str]]:
    """Where in the sidecar, and what, is in the way."""
    if not inputs:
        yield "", f"the graph has no input for the command of {runtime.name} to feed"
        return
    for name, shape in inputs:
        if not runtime.command.feeds(shape):
            yield "", f"input {shown(name)} has shape {_show(shape)}, which the command of {runtime.name} does not feed"
    (_, first), *more = inputs
    if len(first) == _TABLE_RANK and runtime.command.feeds(first):
        yield from _features(first, reading, runtime)
    yield from _further(first, more, reading, runtime)


def _features(shape: Shape, reading: Reading, runtime: Runtime) -> Iterator[tuple[str, str]]:
    width, command = shape[1], runtime.command
    names = reading.feature_order or command.without_names
    if isinstance(width, int) and width > command.max_features:
        yield "/feature_order", f"the first input takes {width} features, {runtime.name} feeds {command.max_features}"
    elif len(names) != width:
        what = f"the first input takes {width} features, and {runtime.name} reads {len(reading.feature_order)} names"
        yield "/feature_order", what
    strange = [name for name in names if name not in command.extractors]
    if strange:
        known = ", ".join(map(shown, strange[:5])) + (f" and {len(strange) - 5} more" if strange[5:] else "")
        yield "/feature_order", f"no extractor of {runtime.name} writes {known}"


def _further(
    first: Shape, more: Sequence[tuple[str, Shape]], reading: Reading, runtime: Runtime
) -> Iterator[tuple[str, str]]:
    beyond = runtime.command.beyond_vocabulary
    most = 1 if beyond is None or len(first) != _TABLE_RANK else 2
    if len(more) >= most:
        yield "", f"the graph has {1 + len(more)} inputs, {runtime.name} feeds {most}"
    elif more and beyond is not None:
        (name, shape), wanted = more[0], len(reading.encoder_vocab) + beyond
        if shape[-1] != wanted:
            what = f"input {shown(name)} is {shown(str(shape[-1]))} wide; the encoders that {runtime.name} reads"
            yield "/encoder_vocab", f"{what} ({len(reading.encoder_vocab)}) and {beyond} figures make {wanted}"


def _show(shape: Shape) -> str:
    return ascii(list(shape))[:200]
