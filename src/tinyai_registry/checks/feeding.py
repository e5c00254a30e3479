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
from tinyai_registry.text import shorten

NOT_FED = Rule(
    "TAI514",
    "cannot-be-fed",
    Severity.WARNING,
    "the runtime cannot feed this model",
    "The runtime's command fills the inputs of a model itself: a frame of fixed size, or features by the names in the "
    "sidecar, and the block of the codec. The model asks for these, and yet the command refuses it. Whoever opens a "
    "session of the library and fills the inputs can still run it.",
    "Export with the sizes fixed, name one feature for each value of the first input, and as many encoders as the "
    "second has room for. A model that only code of its own feeds is excused with `--ignore TAI514`.",
)
OTHER_CALLERS = Rule(
    "TAI515",
    "for-other-callers",
    Severity.INFO,
    "a model is made for other callers than the runtime's command",
    "It takes features that none of the runtime's extractors writes, or more than the runtime feeds, or names none, or "
    "has inputs of a kind that the runtime's command knows nothing of. The command cannot feed it and refuses it.",
    "Nothing, if other callers feed the model; else train one on features that the runtime extracts.",
)
REFUSED = Rule(
    "TAI516",
    "sidecar-refused",
    Severity.ERROR,
    "the runtime refuses the sidecar",
    "Of most keys the runtime ignores a value that it does not know. Of those that say how a codec becomes figures "
    "(`codec_preset_norm`, `codec_crf_norm`) it knows some words, each with the figures that it needs, and does not "
    "load a model whose sidecar has anything else.",
    "Write `ordinal`, or `constant` with `codec_preset_value`; `div63`, or `minmax` with `codec_crf_min` and "
    "`codec_crf_max`.",
)

_TABLE_RANK = 2


def of_model(model: Subject, runtime: Runtime) -> Iterator[Finding]:
    """Whether the command of ``runtime`` can feed ``model``; a filter is fed by code of its own."""
    if not isinstance(model.sidecar, Document) or len(model.sidecar.text.encode()) > runtime.sidecar.max_bytes:
        return
    reading = c_reader.read(model.sidecar.text, runtime)
    if reading is None:
        what = f"{runtime.name} refuses the sidecar: its codec keys do not say how a codec becomes figures"
        yield model.in_sidecar(REFUSED, what)
    elif model.parsed is not None and reading.kind != "filter":
        inputs = model.parsed.signature.inputs
        if inputs and all(map(runtime.runs, inputs.values())):  # else the graph has a finding already
            yield from _of_inputs(model, list(inputs.items()), reading, runtime)


def _of_inputs(
    model: Subject, inputs: Sequence[tuple[str, Shape]], reading: Reading, runtime: Runtime
) -> Iterator[Finding]:
    order = next((f"/{key}" for key in ("feature_order", "features") if key in model.said), "")
    vocabulary = "/encoder_vocab" if "encoder_vocab" in model.said else ""
    foreign = next(_find_foreign([shape for _, shape in inputs], reading, runtime), None)
    if foreign is not None:
        yield model.in_sidecar(OTHER_CALLERS, foreign, order)
        return
    for name, shape in inputs:
        if not runtime.command.feeds(shape):
            what = f"input {shorten(name)} has shape {shorten(str(list(shape)), 200)}"
            yield model.in_sidecar(NOT_FED, f"{what}; the command of {runtime.name} feeds none such")
    width, names = inputs[0][1][-1], reading.feature_order
    if names and len(names) != width:
        what = f"the first input takes {shorten(str(width))} features; {runtime.name} reads {len(names)} names"
        yield model.in_sidecar(NOT_FED, what, order)
    for name, shape in inputs[1:]:
        encoders, beyond = len(reading.encoder_vocab), runtime.command.beyond_vocabulary or 0
        if shape[-1] != encoders + beyond:
            what = f"{encoders} encoders, as {runtime.name} reads them, and {beyond} figures make {encoders + beyond}"
            yield model.in_sidecar(
                NOT_FED, f"input {shorten(name)} is {shorten(str(shape[-1]))} wide; {what}", vocabulary
            )


def _find_foreign(shapes: Sequence[Shape], reading: Reading, runtime: Runtime) -> Iterator[str]:
    """What of a model tells that it was not made for the command of ``runtime``."""
    command, is_table = runtime.command, len(shapes[0]) == _TABLE_RANK
    most = 2 if is_table and reading.encoder_vocab and command.beyond_vocabulary is not None else 1
    if len(shapes) > most:
        yield f"the graph has {len(shapes)} inputs; the command of {runtime.name} fills {most}"
    if is_table and _TABLE_RANK not in command.inputs:
        yield f"it takes feature vectors; the command of {runtime.name} feeds frames alone"
    if not is_table or not command.feeds(shapes[0]):
        return
    width, names = shapes[0][-1], reading.feature_order
    strange = [name for name in names if name not in command.extractors]
    if isinstance(width, int) and width > command.max_features:
        yield f"the first input takes {width} features; {runtime.name} feeds {command.max_features}"
    elif strange:
        known = ", ".join(map(shorten, strange[:5])) + (f" and {len(strange) - 5} more" if strange[5:] else "")
        yield f"no extractor of {runtime.name} writes {known}"
    elif not names and width != len(command.without_names):
        yield f"the first input takes {shorten(str(width))} features, and {runtime.name} reads the name of none"
