"""What can be wrong with what a sidecar says of how to call its model: names, shapes, vectors, scaling."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tinyai_registry.checks.finding import Finding, Rule, Severity
from tinyai_registry.checks.reading import Document
from tinyai_registry.checks.subject import Subject
from tinyai_registry.documents import c_reader
from tinyai_registry.onnxfile.graph import Signature
from tinyai_registry.onnxfile.onnx_messages import ModelProto
from tinyai_registry.onnxfile.runtime import Runtime, known_runtimes
from tinyai_registry.onnxfile.scaler import scaler_in_graph
from tinyai_registry.text import shorten

INPUT_UNNAMED = Rule(
    "TAI501",
    "input-not-named",
    Severity.ERROR,
    "the sidecar does not name an input of the graph",
    "A runtime binds inputs by the names in the sidecar. One that is not named is not fed: the model fails, or "
    "computes with whatever is there.",
    "List every input of the graph in `input_names`.",
)
INPUT_UNKNOWN = Rule(
    "TAI502",
    "unknown-input",
    Severity.ERROR,
    "the sidecar names an input that the graph does not have",
    "A runtime asks the graph for that name and fails.",
    "Write the names that the graph has; the message lists them.",
)
OUTPUT = Rule(
    "TAI503",
    "unknown-output",
    Severity.ERROR,
    "the sidecar names an output that the graph does not have",
    "A runtime asks the graph for that output and fails, or takes the first of several.",
    "Write the names that the graph has; the message lists them.",
)
SHAPE = Rule(
    "TAI504",
    "wrong-shape",
    Severity.ERROR,
    "a shape in the sidecar is not the graph's",
    "A caller that allocates by the sidecar feeds the wrong number of values.",
    "Write the shape that the graph has.",
)
VECTOR_LENGTH = Rule(
    "TAI505",
    "vector-length",
    Severity.ERROR,
    "the feature vectors do not have the length of the feature order",
    "Mean, std and fill belong to the features one by one; with another length every value is scaled by its "
    "neighbour's figures, or read past the end.",
    "Publish again; all of them come from one table.",
)
VECTOR_VALUE = Rule(
    "TAI506",
    "vector-value",
    Severity.ERROR,
    "a feature vector has a value that no standardisation has",
    "A std of zero, a negative or an undefined one makes infinities or turns the sign.",
    "Publish again; a std below 1e-8 is written as 1.",
)
FEATURE_COUNT = Rule(
    "TAI507",
    "feature-count",
    Severity.ERROR,
    "the feature order does not have as many names as the graph has inputs",
    "A caller fills the input in this order; one name more or less shifts all that follow.",
    "Write the order of the columns that the model was trained on.",
)
SCALED_TWICE = Rule(
    "TAI508",
    "scaled-twice",
    Severity.ERROR,
    "the graph standardises its inputs, and the sidecar tells callers to do it as well",
    "Whoever follows the sidecar scales twice, and gets a plausible, wrong score: 16.02 instead of 71.95 in a case "
    "that was seen.",
    "Say `onnx_has_scaler: true` and drop the vectors; `tinyai migrate` does.",
)
SCALER = Rule(
    "TAI509",
    "wrong-scaler",
    Severity.ERROR,
    "onnx_has_scaler is not what the graph does",
    "It decides whether callers standardise. Wrong, it means twice or not at all.",
    "Write what the graph does: true if it subtracts means and divides by stds itself.",
)
C_READER = Rule(
    "TAI510",
    "c-reader",
    Severity.ERROR,
    "the C reader would take something else from the sidecar",
    "The target runtime has no JSON parser: it takes the first `key` in quotes anywhere in the text, in at most 1 MiB. "
    "A nested key, or a word, that equals one of its keys may be read instead. A backslash is a character to it, so "
    "that an escaped quote ends a list of names, and the scaler is lost with it; of means and stds it keeps what "
    "float32 holds.",
    "Rename the nested key or the word, keep the sidecar's keys sorted, write names in ASCII without quotes and "
    "backslashes, and bring a feature of 1e-50 or 1e39 to another scale.",
)
RUNTIME_LIMIT = Rule(
    "TAI511",
    "too-many-names",
    Severity.INFO,
    "the sidecar has more names than the runtime reads",
    "Of a list beyond its limit (8 outputs, 32 features, 32 encoders) the runtime reads nothing at all, of the vectors "
    "that go with it neither, and cannot feed the model itself.",
    "Nothing, if only other callers use the model; else train one with fewer inputs.",
)
VOCABULARY = Rule(
    "TAI512",
    "encoder-vocabulary",
    Severity.ERROR,
    'the encoder vocabulary does not end in "unknown"',
    "The runtime maps an encoder that it does not know to the last entry.",
    'Put "unknown" last, as the model was trained.',
)
ORDER = Rule(
    "TAI513",
    "ambiguous-order",
    Severity.ERROR,
    "the feature order is ambiguous",
    "A name that stands twice, or two lists that differ, leave it to the reader which value goes where.",
    "Write the order of the columns that the model was trained on, once.",
)

# Today's name of a thing, and what earlier dialects call it.
_ALIASES: Mapping[str, tuple[str, ...]] = {
    "input_names": ("input_names", "input_name"),
    "output_names": ("output_names", "output_name"),
    "feature_order": ("feature_order", "features"),
    "feature_mean": ("feature_mean", "input_mean"),
    "feature_std": ("feature_std", "input_std"),
    "feature_fill": ("feature_fill",),
}
_TABLE_RANK = 2


def of_model(model: Subject, runtime: Runtime) -> Iterator[Finding]:
    """Whether the sidecar of ``model`` says how to call the graph beside it, so that ``runtime`` reads it, too."""
    if not isinstance(model.sidecar, Document):
        return
    yield from _order(model)
    yield from _vectors(model)
    yield from _inputs(model)
    yield from _c_reader(model, model.sidecar.text)
    yield from _limits(model, runtime)
    if model.parsed is None:
        return
    yield from _names(model, model.parsed.signature)
    yield from _shapes(model, model.parsed.signature)
    yield from _scaler(model, model.parsed.proto)


def _said(model: Subject, what: str) -> Iterator[tuple[str, Any]]:
    return ((key, model.said[key]) for key in _ALIASES[what] if key in model.said)


def _list(model: Subject, what: str) -> tuple[str, list[Any]] | None:
    return next(((key, value) for key, value in _said(model, what) if isinstance(value, list)), None)


def _words(value: Any) -> list[str]:
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str)]


def _names(model: Subject, signature: Signature) -> Iterator[Finding]:
    for what, known, unknown in (
        ("input_names", signature.inputs, INPUT_UNKNOWN),
        ("output_names", signature.outputs, OUTPUT),
    ):
        has = f"the graph has {', '.join(map(shorten, known)) or 'none'}"
        for key, value in _said(model, what):
            for name in _words(value):
                if name not in known:
                    yield model.in_sidecar(unknown, f"{key} says {shorten(name)}; {has}", f"/{key}")
    named = {name for _, value in _said(model, "input_names") for name in _words(value)}
    missing = [name for name in signature.inputs if name not in named]
    if missing:
        key = next((f"/{key}" for key, _ in _said(model, "input_names")), "")
        what = f"input{'s' * (len(missing) > 1)} {', '.join(map(shorten, missing))} of the graph"
        yield model.in_sidecar(INPUT_UNNAMED, f"{what} {'are' if missing[1:] else 'is'} not named", key)


def _shapes(model: Subject, signature: Signature) -> Iterator[Finding]:
    for key, of_graph in (("input_shape", signature.inputs), ("output_shape", signature.outputs)):
        said, shape = model.said.get(key), next(iter(of_graph.values()), ())
        if isinstance(said, list) and not _same_shape(said, shape):
            what = f"{key} is {shorten(str(said))}, the graph has {shorten(str(list(shape)))}"
            yield model.in_sidecar(SHAPE, what, f"/{key}")
    # Vectors without an order are as long as it would be.
    order = _list(model, "feature_order") or _list(model, "feature_mean") or _list(model, "feature_std")
    tables = [shape for shape in signature.inputs.values() if len(shape) == _TABLE_RANK]
    # What is no feature (a codec block) has an input of its own, which feature_order does not speak of.
    widths = [shape[1] for shape in tables if isinstance(shape[1], int)]
    counts = {sum(widths), widths[0]} if widths else set()
    if order and counts and len(order[1]) not in counts and len(widths) == len(tables):
        what = f"{order[0]} has {len(order[1])} entries, the graph takes {' + '.join(map(str, widths))} features"
        yield model.in_sidecar(FEATURE_COUNT, what, f"/{order[0]}")


def _same_shape(said: Sequence[Any], shape: Sequence[Any]) -> bool:
    """-1, null and a word stand for any size, on either side."""
    free = [[not isinstance(d, int) or d < 0 for d in dims] for dims in (said, shape)]
    return len(said) == len(shape) and all(
        one == other if not (a or b) else a and b for one, other, a, b in zip(said, shape, *free, strict=True)
    )


def _order(model: Subject) -> Iterator[Finding]:
    orders = [(key, value) for key, value in _said(model, "feature_order") if isinstance(value, list)]
    for key, names in orders:
        first: dict[str, int] = {}
        for index, name in enumerate(names):
            if isinstance(name, str) and first.setdefault(name, index) != index:
                yield model.in_sidecar(ORDER, f"{key} has {shorten(name)} twice", f"/{key}/{index}")
                break
    for key, names in orders[1:]:
        if names != orders[0][1]:
            yield model.in_sidecar(ORDER, f"{key} is not what {orders[0][0]} is", f"/{key}")


def _vectors(model: Subject) -> Iterator[Finding]:
    order = _list(model, "feature_order")
    measure = order or _list(model, "feature_mean") or _list(model, "feature_std")
    for what in ("feature_mean", "feature_std", "feature_fill"):
        for key, values in _said(model, what):
            if not isinstance(values, list):
                continue
            if measure and len(values) != len(measure[1]):
                said = f"{key} has {len(values)} values, {measure[0]} has {len(measure[1])}{' names' if order else ''}"
                yield model.in_sidecar(VECTOR_LENGTH, said, f"/{key}")
            for index, value in enumerate(values):
                if not _is_number(value) or (what == "feature_std" and value <= 0):
                    said = f"{key}[{index}] is {shorten(str(value))}"
                    yield model.in_sidecar(VECTOR_VALUE, said, f"/{key}/{index}")
                    break


def _inputs(model: Subject) -> Iterator[Finding]:
    """Of several inputs the sidecar has the columns and vectors of each; those of the first stand at its top, too."""
    inputs = model.said.get("inputs")
    for index, each in enumerate(inputs if isinstance(inputs, list) else ()):
        columns = each.get("columns") if isinstance(each, dict) else None
        if not isinstance(columns, list):
            continue
        for what in ("mean", "std", "fill"):
            values, at = each.get(what), f"/inputs/{index}/{what}"
            if isinstance(values, list) and len(values) != len(columns):
                said = f"inputs[{index}].{what} has {len(values)} values, and there are {len(columns)} columns"
                yield model.in_sidecar(VECTOR_LENGTH, said, at)
            top = model.said.get(f"feature_{what}")
            if index == 0 and isinstance(values, list) and isinstance(top, list) and values != top:
                yield model.in_sidecar(ORDER, f"inputs[0].{what} is not what feature_{what} is", at)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _scaler(model: Subject, proto: ModelProto) -> Iterator[Finding]:
    marker, scaled = model.said.get("onnx_has_scaler"), scaler_in_graph(proto)
    vector = next(_said(model, "feature_mean"), None) or next(_said(model, "feature_std"), None)
    if marker is None and scaled and vector is not None:
        said = f"the graph standardises its inputs, and the sidecar has {vector[0]} for callers to do it again"
        yield model.in_sidecar(SCALED_TWICE, said, f"/{vector[0]}")
    elif marker is False and scaled:
        yield model.in_sidecar(SCALER, "onnx_has_scaler is false, but the graph standardises", "/onnx_has_scaler")
    elif marker is True and not scaled and vector is not None:
        # Without vectors it may be so: a graph can be made for raw features, or its scaler folded into a layer.
        said = f"onnx_has_scaler is true, but the graph does not standardise, and there is {vector[0]} for callers to"
        yield model.in_sidecar(SCALER, said, "/onnx_has_scaler")


def _c_reader(model: Subject, text: str) -> Iterator[Finding]:
    """What any loader that we know would misread: a sidecar goes further than to one runtime."""
    found = {misread.key: misread for runtime in known_runtimes() for misread in c_reader.misread(text, runtime)}
    for misread in found.values():
        yield model.in_sidecar(C_READER, misread.message, f"/{misread.key}" if misread.key in model.said else "")


def _limits(model: Subject, runtime: Runtime) -> Iterator[Finding]:
    limits = {word: key for key in runtime.sidecar.keys.values() for word in (key.name, key.alias) if word}
    for word, key in limits.items():
        value = model.said.get(word)
        if key.type == "texts" and isinstance(value, list) and len(value) > key.limit:
            what = f"{word} has {len(value)} names; {runtime.name} reads none of a list of more than {key.limit}"
            yield model.in_sidecar(RUNTIME_LIMIT, what, f"/{word}")
    vocabulary = model.said.get("encoder_vocab")
    if isinstance(vocabulary, list) and vocabulary[-1:] != ["unknown"]:
        yield model.in_sidecar(VOCABULARY, "the last of encoder_vocab is not unknown", "/encoder_vocab")
